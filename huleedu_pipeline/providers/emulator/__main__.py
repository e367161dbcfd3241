"""``python -m huleedu_pipeline.providers.emulator``: the command line of the server.

Here: arguments and the endpoint file. Not here: serving (``server``) and starting in the background (``launcher``).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from huleedu_pipeline.permissions import keep_private

from .config import EmulatorConfig, MockSettings, ProfileName, make_config
from .errors import EmulatorError
from .server import serve


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="huleedu-emulator", description="Serve OpenAI's and Anthropic's interfaces locally, with a simulated judge."
    )
    parser.add_argument("--state-dir", type=Path, required=True, help="folder of the durable state")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--profile", choices=get_args(ProfileName), default="surface", help="who judges")
    parser.add_argument("--mock", action="append", default=[], metavar="NAME=VALUE", help="a setting of the mock profiles")
    parser.add_argument("--prompt-cache", type=float, help="simulate prompt caches; share of a job's requests that find")
    parser.add_argument("--latent-file", type=Path, help="theta by text, for the profile 'latent'")
    parser.add_argument("--seconds-per-job", type=float, default=3.0, help="life of a batch, in seconds")
    parser.add_argument("--live-latency-seconds", type=float, default=0.02, help="delay of each live reply")
    parser.add_argument("--idle-exit-seconds", type=float, help="exit after so long without a request")
    parser.add_argument("--faults", type=Path, help="fault script (JSON): what goes wrong, and when")
    parser.add_argument("--enqueued-token-limit", type=int, help="tokens that OpenAI batches of one model may enqueue")
    parser.add_argument("--requests-per-minute", type=int, help="rate limit of each provider")
    parser.add_argument("--endpoint-file", type=Path, help="where to write base URL and pid when ready")
    return parser


def _write_endpoint(path: Path, base_url: str, config: EmulatorConfig) -> None:
    endpoint = {
        "base_url": base_url,
        "pid": os.getpid(),
        "profile": config.profile,
        "seconds_per_job": config.seconds_per_job,
    }
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    draft.write_text(json.dumps(endpoint) + "\n", encoding="utf-8")
    draft.replace(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say; return the exit status."""
    keep_private()  # it keeps what it is sent, and it is sent pupils' texts
    given = _parser().parse_args(arguments)
    try:
        config = make_config(
            state_dir=given.state_dir,
            profile=given.profile,
            latent_file=given.latent_file,
            seconds_per_job=given.seconds_per_job,
            live_latency_seconds=given.live_latency_seconds,
            idle_exit_seconds=given.idle_exit_seconds,
            faults=given.faults,
            enqueued_token_limit=given.enqueued_token_limit,
            requests_per_minute=given.requests_per_minute,
            mock=MockSettings.parse(given.mock),
            prompt_cache=given.prompt_cache,
        )
    except EmulatorError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2

    def ready(base_url: str) -> None:
        if given.endpoint_file is not None:
            _write_endpoint(given.endpoint_file, base_url, config)

    try:
        serve(config, given.host, given.port, ready)
    except (EmulatorError, OSError) as problem:
        sys.stderr.write(f"emulator: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
