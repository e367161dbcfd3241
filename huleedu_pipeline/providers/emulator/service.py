"""The emulator as one object: its settings, its judge, its memory and the jobs of both providers.

Not here: HTTP. Every handler is given this object and a call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .anthropic_format import timestamp
from .anthropic_jobs import AnthropicJobs
from .bench import LATENCY_HEADER, Bench
from .config import MOCK_NAMES, SERVICE_NAME, EmulatorConfig
from .fault_book import FaultBook
from .faults.script import read_script
from .folder import StateFolder
from .openai_format import batch_status
from .openai_jobs import OpenAIJobs
from .profiles import load_profile, profile_fingerprint
from .rates import RateLimits
from .records import Job, Settlement
from .store import FAULTS_FIRED, Store


class Emulator:
    """Everything behind the HTTP surface. Raises EmulatorError when the state folder or latent file is unusable."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.config = config
        self.fingerprint = profile_fingerprint(config)
        self.profile = load_profile(config)
        script = None if config.faults is None else read_script(config.faults)
        self.store = Store(StateFolder(config.state_dir))
        self.faults = FaultBook(self.store, script)
        self.rates = RateLimits(config.requests_per_minute)
        self.bench = Bench(config, self.profile, self.store)
        self.openai = OpenAIJobs(self.store, self.bench, config.seconds_per_job, config.enqueued_token_limit)
        self.anthropic = AnthropicJobs(self.store, self.bench, config.seconds_per_job)

    def close(self) -> None:
        """Release the state folder."""
        self.store.close()

    def health(self) -> dict[str, Any]:
        """Return who this is; ``profile_fingerprint`` changes with the latent file."""
        return {
            "status": "ok",
            "service": SERVICE_NAME,
            "profile": self.profile.name,
            "profile_fingerprint": self.fingerprint,
            "pid": os.getpid(),
            "seconds_per_job": self.config.seconds_per_job,
        }

    def mock_mode(self) -> dict[str, Any]:
        """Return who judges, and that it is a simulation; ``mock_mode`` is None unless a named mock profile judges."""
        is_mock = self.profile.name in MOCK_NAMES
        return {
            "use_mock_llm": True,
            "is_simulated": True,
            "mock_mode": self.profile.name if is_mock and self.profile.name != "default" else None,
            "profile": self.profile.name,
            "mock_settings": self.config.mock.model_dump(mode="json") if is_mock else None,
            "prompt_cache": self.config.prompt_cache,
        }

    def waited_seconds(self, headers: Mapping[str, str]) -> float:
        """Return how long an answer with these headers is really held back."""
        return float(headers.get(LATENCY_HEADER, 0)) / 1000 * self.config.mock.latency_scale

    def ledger(self, now: float) -> dict[str, Any]:
        """Return what this state folder was ever asked and billed: calls by endpoint, jobs, verdicts, faults that fired.

        Jobs that are over are brought to their end first, so that the bill is whole even if nobody looks at them.
        """
        jobs = [self._brought_up_to(job, now) for job in self.store.all_jobs()]
        created = {"openai": 0, "anthropic": 0}
        for job in jobs:
            created[job.provider] += 1
        repeated = self.store.counters("batch_create_retries")
        return {
            "calls": self.store.counters("calls"),
            "batch_jobs_created": created,
            "batch_create_retries": {provider: repeated.get(provider, 0) for provider in created},
            "billed": {provider: asdict(self.store.billed(provider)) for provider in created},
            "billed_live": {provider: asdict(self.store.billed(f"{provider} live")) for provider in created},
            "faults_fired": self.store.counters(FAULTS_FIRED),
            "requests_judged": self.store.counters("requests_judged").get("all", 0),
            "jobs": [
                {
                    "id": job.id,
                    "provider": job.provider,
                    "status": self._status(job, now),
                    "n_requests": job.n_requests,
                    "created_at": timestamp(job.created_at),
                    "billed": asdict((job.settlement or Settlement()).bill),
                }
                for job in jobs
            ],
        }

    def _status(self, job: Job, now: float) -> str:
        if job.provider == "anthropic":
            return job.clock.anthropic_phase(job.clock.reached(now))
        return batch_status(job, now)

    def _brought_up_to(self, job: Job, now: float) -> Job:
        if job.settlement is not None:
            return job
        return (self.openai if job.provider == "openai" else self.anthropic).look(job.id, now)
