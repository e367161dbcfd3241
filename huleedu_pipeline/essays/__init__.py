"""Essays: how a folder or a CSV file becomes a validated batch of texts with stable identities."""

from huleedu_pipeline.essays.batch import Batch, Essay, IntakeError, PromptNotAttachedError, check_judge
from huleedu_pipeline.essays.batch_folder import read_batch

__all__ = ["Batch", "Essay", "IntakeError", "PromptNotAttachedError", "check_judge", "read_batch"]
