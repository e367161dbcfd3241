"""Tables of the group corpus: the texts, whose they are, and what was found of their spelling."""

from huleedu_pipeline.lake.schema import Column, ColumnType, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, ESSAY_ID, FILE_NAME, IS_ANCHOR, B, F, I, S

ESSAYS = Table(
    "essays",
    "The texts of each batch, pupils' essays and anchors, as they were written; spellchecked_essays says what was judged.",
    (
        BATCH_ID,
        ESSAY_ID,
        IS_ANCHOR,
        Column("anchor_grade", S, "Known grade of an anchor; null for pupils' essays.", is_nullable=True),
        FILE_NAME,
        Column("text", S, "The text: UTF-8, NFC, line feeds; of a regular batch without the names of its pupils."),
        Column("text_sha256", S, "Identity of the text: SHA-256 of its UTF-8 bytes."),
        Column("n_words", I, "Length, counted at white space.", unit="words"),
        Column("language", S, "Language that the batch declares: en or sv."),
        Column(
            "detected_language",
            S,
            "Language that most of the text's words are in (ISO 639-1); null where it is too short to tell.",
            is_nullable=True,
        ),
        Column(
            "original_sha256",
            S,
            "SHA-256 of the file's bytes as it was handed in, which the content store keeps; null where there was none.",
            is_nullable=True,
        ),
    ),
    ("batch_id", "essay_id"),
    indexes=(("text_sha256",),),
)
REDACTIONS = Table(
    "redactions",
    "Names of pupils that were taken out of texts before anybody judged them, so that it can be undone. Stays in the lake.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("start", I, "Where the name began in the text as it was read, from 0.", unit="characters"),
        Column("end", I, "Where it ended there, first character after it.", unit="characters"),
        Column("original", S, "What stood there."),
        Column("replacement", S, "What stands in essays.text instead."),
    ),
    ("batch_id", "essay_id", "start"),
    is_published=False,
)
INJECTION_FLAGS = Table(
    "injection_flags",
    "What in a text seems to address its judge, found by rule before anything is sent. A reason to look, and no proof: neither "
    "that there is something, nor that there is nothing where no line stands.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column("start", I, "Where it begins in the text of the table essays, from 0.", unit="characters"),
        Column("end", I, 'Where it ends, excluded. In SQL: "end", because END is a word of the language.', unit="characters"),
        Column(
            "rule",
            S,
            "What found it: overrides_instructions, demands_a_verdict, addresses_a_model, imitates_the_prompt, "
            "imitates_a_reply or hidden_characters.",
        ),
        Column("paragraph", I, "In which paragraph it begins, from 1; a paragraph is a line that is not blank."),
    ),
    ("batch_id", "essay_id", "start", "rule"),
)
STUDENT_MATCHES = Table(
    "student_matches",
    "Whose each pupil's essay is, by the batch's class list; none of a guest batch. Names stand only in the class list itself.",
    (
        BATCH_ID,
        ESSAY_ID,
        Column(
            "student_id",
            S,
            "The pupil; of a match to review the likeliest one, which two essays may share. Null where nobody fits.",
            is_nullable=True,
        ),
        Column("method", S, "What decided: file_name, author, title, signature, first_lines, matches.csv, or none."),
        Column("confidence", F, "Points by rule from 0 to 100, no probability; 100 where a person decided."),
        Column(
            "status",
            S,
            "automatic (85 and more, and nothing else comes near), review, manual (below 50), confirmed (a person said so) or "
            "unmatched (a person said: nobody on the list).",
        ),
        Column("evidence", S, "What fitted, in words without the text or a name."),
        FILE_NAME,
    ),
    ("batch_id", "essay_id"),
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
