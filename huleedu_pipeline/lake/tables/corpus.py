"""Tables of the group corpus: the texts."""

from huleedu_pipeline.lake.schema import Column, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, ESSAY_ID, I, IS_ANCHOR, S

ESSAYS = Table(
    "essays",
    "The texts of each batch, pupils' essays and anchors, as they were judged.",
    (
        BATCH_ID,
        ESSAY_ID,
        IS_ANCHOR,
        Column("anchor_grade", S, "Known grade of an anchor; null for pupils' essays.", is_nullable=True),
        Column("file_name", S, "Name of the file the text came from."),
        Column("text", S, "The text: UTF-8, NFC, line feeds."),
        Column("text_sha256", S, "Identity of the text: SHA-256 of its UTF-8 bytes."),
        Column("n_words", I, "Length, counted at white space.", unit="words"),
        Column("language", S, "Language of the text: en or sv."),
    ),
    ("batch_id", "essay_id"),
)
