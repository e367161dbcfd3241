"""The ledger: the durable record of every request, provider job and answer.

Money is spent only on what stands here, so each method is one transaction, each move a compare-and-set, and nothing that
was recorded is changed afterwards. Not here: what to ask, or how to talk to a provider.
"""

from huleedu_pipeline.ledger.accounts import Accounts
from huleedu_pipeline.ledger.batches import Batches
from huleedu_pipeline.ledger.blocks import Blocks
from huleedu_pipeline.ledger.job_book import JobBook
from huleedu_pipeline.ledger.questions import Questions
from huleedu_pipeline.ledger.spelling import SpellChecks


class Ledger(Batches, SpellChecks, Questions, JobBook, Accounts, Blocks):
    """The ledger in the database at ``url``, migrated on opening: its six parts as one."""
