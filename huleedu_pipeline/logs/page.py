"""The page docs/logs.md, made from the declared events: ``python -m huleedu_pipeline.logs.page > docs/logs.md``."""

import sys

from huleedu_pipeline.logs.events import EVENTS
from huleedu_pipeline.logs.files import PART_BYTES

HEAD = f"""# Logs

What happens to batches stands in `HULEEDU_HOME/logs` as JSON lines, from every process: commands, Dagster's runs, its
sensors and schedules. `huleedu logs` shows them (`huleedu logs my-class --follow`, `--level warning`, `--since 2h`),
`--format json` passes them on as they were written, and `huleedu run my-class --verbose` says them on standard error while
they are written.

A line is `timestamp` (UTC), `level` (`info`, `warning`, `error`), `event`, the bound fields, the event's own fields, and
`pid`. Bound are, where they are known: `batch_id`; `correlation_id`, given to a batch when it is first recorded, kept in
the ledger, sent along with OpenAI's batch jobs (`huleedu_correlation_id` in their metadata; Anthropic's have no room for
it), and a column of `batch_status` and `provider_jobs`; `mode`, the batching mode; `backend`, `emulator` where judgements
are simulated; `command`, a command, a job, a sensor or a schedule; and `run_id`, that of Dagster, or of one call of a
command. Where else that id is found: [from a number to the bytes](operations/observability.md#from-a-number-to-the-bytes).

**What is never there.** Only the events below are written, and of each only the fields below: names that we or a provider
gave, counts, amounts, one of a few words. No sentence, because sentences quote: no provider's message, no reason that
somebody typed, no file name, no essay's id. So no key, no text and no pupil's name can come in, and what libraries log does
not either. Why a batch failed, in words, says `huleedu status BATCH`.

**Files.** One for each day (UTC) and machine, `2026-11-20.MACHINE.001.jsonl`, that all processes of the machine append to;
a line is a single `write`, which stays whole however many do. At {PART_BYTES // 2**20} MB the next part begins. Nothing is
ever renamed, so there is no rotation that two processes could get wrong. Lines older than `HULEEDU_LOG_DAYS` (90) go, and
the oldest beyond `HULEEDU_LOG_MEGABYTES` (200). Files are readable by their owner only. A log that can not be written is
said once on standard error, and stops nothing.

## Spans

With `HULEEDU_TRACING=otlp`, and the extra `tracing` installed, the steps of paid work are sent as spans to the
OpenTelemetry collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names: `run` (a batch is advanced), in it `wave` (a round of live
calls), `submit` and `collect` (a job), and `score`. Their attributes are the bound fields and a job's names, as
`huleedu.correlation_id` and so on; of an error, its kind. The process gets no provider of spans from us, so nothing that an
SDK would trace is sent along. It is off by default, and then nothing of OpenTelemetry is imported for it.

## Events
"""


def log_page() -> str:
    """Return the page as Markdown."""
    rows = [
        f"| `{event.name}` | {_level(event.level)} | {event.when} | {', '.join(f'`{name}`' for name in event.fields)} |"
        for event in EVENTS
    ]
    return "\n".join([HEAD, "| event | level | when | own fields |", "|---|---|---|---|", *rows]) + "\n"


def _level(level: int) -> str:
    return {20: "info", 30: "warning", 40: "error"}[level]


if __name__ == "__main__":
    sys.stdout.write(log_page())
