"""Columns that several tables share, and short names for the types of all columns. No table is declared here."""

from huleedu_pipeline.lake.schema import Column, ColumnType

S, I, F, B, T = ColumnType.STRING, ColumnType.INTEGER, ColumnType.FLOAT, ColumnType.BOOLEAN, ColumnType.TIMESTAMP  # noqa: E741

BATCH_ID = Column("batch_id", S, "Batch, unique in the system; also the Dagster partition.")
ESSAY_ID = Column("essay_id", S, "Essay, unique inside its batch.")
FILE_NAME = Column("file_name", S, "Name of the file the text came from; of a registered anchor, its name.")
IS_PROVISIONAL = Column(
    "is_provisional",
    B,
    "Whether it was made before the last outcomes were there, and will be made anew when they are.",
)
IS_ANCHOR = Column("is_anchor", B, "Whether the essay carries a known grade and serves as a reference.")
CORRELATION_ID = Column(
    "correlation_id", S, "One id of the batch for log lines (huleedu logs) and, where a provider keeps any, for its jobs."
)
PAIR_ID = Column("pair_id", S, "Comparison: two essays in one order, and the replicate; stable on every machine.")
CUSTOM_ID = Column("custom_id", S, "Request: a pair and a judge; joins grade, prompt and raw reply, also at the provider.")
JUDGE_ID = Column(
    "judge_id", S, "Judge: hash of provider, model, prompts, rubric and parameters; 'human' or 'human:NAME' for people."
)
PROVIDER = Column("provider", S, "Who was asked: openai, anthropic, or human for imported judgements.")
MODEL = Column("model", S, "Model; a name that begins with 'emulated-' is a simulation and no real judgement.")
PROMPT_SHA256 = Column("prompt_sha256", S, "SHA-256 of the request body: everything that determines the reply.")
ESSAY_A = Column("essay_a_id", S, "Essay shown first, as Essay A.")
ESSAY_B = Column("essay_b_id", S, "Essay shown second, as Essay B.")
WAVE = Column("wave", I, "Wave of comparisons, from 1.")
REPLICATE = Column("replicate", I, "Repetition of the same question, from 1.")
COUNTS = (
    Column("n_requests", I, "Requests planned."),
    Column("n_succeeded", I, "Requests that ended with a verdict."),
    Column("n_failed", I, "Requests that ended without a verdict."),
    Column("n_expired", I, "Requests that the provider did not answer in time."),
)
