"""The settings of one emulator and the names of the things in its state folder.

Not here: command-line parsing (``__main__``) and the reading of a latent file (``profiles``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SERVICE_NAME = "huleedu-emulator"
MODEL_PREFIX = "emulated-"

ENDPOINT_FILE = "endpoint.json"
LAUNCH_LOCK = "launch.lock"
WRITER_LOCK = "writer.lock"
LOG_FILE = "emulator.log"

ProfileName = Literal["surface", "latent"]


class EmulatorConfig(BaseModel):
    """What one emulator is: where its state lives, who judges, and how fast its clock runs.

    ``seconds_per_job`` is the life of a batch from creation to its last state; ``live_latency_seconds`` is added to
    each live reply; ``idle_exit_seconds`` ends the server after that long without a request (None: never). ``faults`` is
    a fault script; ``enqueued_token_limit`` (per OpenAI model) and ``requests_per_minute`` (per provider) refuse what goes
    beyond them (None: no limit).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    state_dir: Path
    profile: ProfileName = "surface"
    latent_file: Path | None = None
    seconds_per_job: float = Field(default=3.0, gt=0)
    live_latency_seconds: float = Field(default=0.02, ge=0)
    idle_exit_seconds: float | None = Field(default=None, gt=0)
    faults: Path | None = None
    enqueued_token_limit: int | None = Field(default=None, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _latent_profile_has_its_file(self) -> Self:
        if (self.profile == "latent") != (self.latent_file is not None):
            raise ValueError("latent_file: give it with profile 'latent', and only with it")
        return self
