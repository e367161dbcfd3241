"""What must be there before a batch is planned: the folder is read, and a batch that has to be blocked is recorded as blocked.

The command line, the inbox sensor and the run that takes a batch in all come through here. Not here: what makes a folder
valid (:mod:`huleedu_pipeline.essays.batch_folder`), or the record of an admitted batch (:mod:`.planning`).
"""

from pathlib import Path

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.essays import Batch, IntakeError, PromptNotAttachedError, read_batch
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.ledger import Ledger

PIPELINE = "cj_assessment"


def admit(ledger: Ledger, folder: Path, overrides: Overrides = NO_OVERRIDES) -> Batch:
    """Read the batch in ``folder``, with ``overrides`` in place of what its ``batch.yaml`` says.

    One that is blocked for want of its assignment is recorded, once for each content.

    So is why prompt or rubric could not be fetched.

    Raises:
        PromptNotAttachedError: the batch needs a judge and has no assignment; nothing was planned or paid.
        IntakeError: the folder is not valid.

    """
    try:
        return read_batch(folder, AssessmentContext(ledger), overrides)
    except IntakeError as error:
        for failure in error.prompt_failures:
            ledger.record_prompt_failure(error.batch_id, error.content_sha256, failure)
        if isinstance(error, PromptNotAttachedError):
            ledger.record_block(error.batch_id, error.content_sha256, error.code, PIPELINE)
        raise
