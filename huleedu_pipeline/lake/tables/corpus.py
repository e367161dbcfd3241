"""Tables of the group corpus: the texts, and what was found of their spelling."""

from huleedu_pipeline.lake.schema import Column, ColumnType, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, ESSAY_ID, IS_ANCHOR, B, F, I, S

ESSAYS = Table(
    "essays",
    "The texts of each batch, pupils' essays and anchors, as they were written; spellchecked_essays says what was judged.",
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
    indexes=(("text_sha256",),),
)
SPELLCHECKED_ESSAYS = Table(
    "spellchecked_essays",
    "The spelling of each essay, pupils' and anchors', and the text that judges see.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("status", S, "completed, or skipped where the batch has no spell check; its counts are then null."),
        Column("judge_text", S, "What judges see: raw, the text as it was written, or corrected."),
        Column("text_corrected", S, "The text with all applied corrections; null where skipped.", is_nullable=True),
        Column("text_sha256", S, "Identity of the text that judges see: SHA-256 of its UTF-8 bytes."),
        Column("word_count", I, "Words that were checked, and where skipped the length counted at white space.", unit="words"),
        Column("total_corrections", I, "Corrections applied in text_corrected.", is_nullable=True),
        Column("l2_dictionary_corrections", I, "Of those, by the list of learners' errors.", is_nullable=True),
        Column("spellchecker_corrections", I, "Of those, by dictionary and context.", is_nullable=True),
        Column("correction_density", F, "Corrections applied for each 100 words.", is_nullable=True, unit="per 100 words"),
    ),
    ("batch_id", "essay_id"),
)
SPELL_CORRECTIONS = Table(
    "spell_corrections",
    "Each misspelling that was found, by its place in the text as it was written, so that each can be taken back.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("start", I, "Where it begins in the text of the table essays, from 0.", unit="characters"),
        Column("end", I, 'Where it ends, excluded. In SQL: "end", because END is a word of the language.', unit="characters"),
        Column("original", S, "What was written."),
        Column("suggestion", S, "What it is taken to mean; empty where nothing similar is known."),
        Column("rule", S, "What found it: learner_error, dictionary or context."),
        Column("is_applied", B, "Whether it is in text_corrected; doubtful ones are only shown."),
        Column("candidates", ColumnType.LABELS, "The words that it might be, the likeliest first."),
    ),
    ("batch_id", "essay_id", "start"),
)
