"""The emulator as one object: its settings, its judge, its memory and the jobs of both providers.

Not here: HTTP. Every handler is given this object and a call.
"""

from __future__ import annotations

import os
from typing import Any

from .anthropic_format import timestamp
from .anthropic_jobs import AnthropicJobs
from .config import SERVICE_NAME, EmulatorConfig
from .folder import StateFolder
from .openai_format import batch_status
from .openai_jobs import OpenAIJobs
from .profiles import load_profile, profile_fingerprint
from .records import Job
from .store import Store


class Emulator:
    """Everything behind the HTTP surface. Raises EmulatorError when the state folder or latent file is unusable."""

    def __init__(self, config: EmulatorConfig) -> None:
        self.config = config
        self.fingerprint = profile_fingerprint(config)
        self.profile = load_profile(config)
        self.store = Store(StateFolder(config.state_dir))
        self.openai = OpenAIJobs(self.store, self.profile, config.seconds_per_job)
        self.anthropic = AnthropicJobs(self.store, self.profile, config.seconds_per_job)

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

    def ledger(self, now: float) -> dict[str, Any]:
        """Return what this state folder was ever asked: calls by endpoint, jobs, verdicts, repeated creations."""
        jobs = self.store.all_jobs()
        created = {"openai": 0, "anthropic": 0}
        for job in jobs:
            created[job.provider] += 1
        repeated = self.store.counters("batch_create_retries")
        return {
            "calls": self.store.counters("calls"),
            "batch_jobs_created": created,
            "batch_create_retries": {provider: repeated.get(provider, 0) for provider in created},
            "requests_judged": self.store.counters("requests_judged").get("all", 0),
            "jobs": [
                {
                    "id": job.id,
                    "provider": job.provider,
                    "status": self._status(job, now),
                    "n_requests": job.n_requests,
                    "created_at": timestamp(job.created_at),
                }
                for job in jobs
            ],
        }

    def _status(self, job: Job, now: float) -> str:
        if job.provider == "anthropic":
            return job.clock.anthropic_phase(now)
        # Only a look tells a job that is running from one that its validation rejects.
        return batch_status(self.openai.look(job.id, now), now)
