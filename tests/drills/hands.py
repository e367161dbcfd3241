"""A worker that only judges: ``python -m tests.drills.hands SEED`` advances batches in any order until every request has ended.

What :mod:`tests.drills.crew` does without the graph: the ledger and the provider's account alone, and so in a few seconds.
"""

import json
import random
import sys
import time
from collections import Counter

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.settings import Settings

PAUSE_SECONDS = 0.3


def main() -> None:
    """Judge, and print runs and failures as JSON."""
    settings, chance = Settings.load(), random.Random(int(sys.argv[1]))
    ledger = Ledger(settings.ledger_url)
    runs, failures = Counter[str](), Counter[str]()
    names = [batch.batch_id for batch in ledger.batches()]
    while left := [name for name in names if ledger.tally(name).n_outcomes < ledger.tally(name).n_requests]:
        try:
            advance_batch(ledger, settings, chance.choice(left))
        except HuleeduError as error:
            failures[str(error)] += 1
        runs["advance"] += 1
        time.sleep(PAUSE_SECONDS)
    ledger.close()
    sys.stdout.write(json.dumps({"runs": runs, "failures": failures}))


if __name__ == "__main__":
    main()
