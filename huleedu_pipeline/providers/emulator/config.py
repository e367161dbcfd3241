"""The settings of one emulator and the names of the things in its state folder.

Not here: command-line parsing (``__main__``), the reading of a latent file (``profiles``) and what the mock profiles are
(``mocks``).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import EmulatorError

SERVICE_NAME = "huleedu-emulator"
MODEL_PREFIX = "emulated-"

ENDPOINT_FILE = "endpoint.json"
LAUNCH_LOCK = "launch.lock"
WRITER_LOCK = "writer.lock"
LOG_FILE = "emulator.log"

ProfileName = Literal["surface", "latent", "default", "cj_generic_batch", "eng5_anchor_gpt51_low", "eng5_lower5_gpt51_low"]
MOCK_NAMES = ("default", "cj_generic_batch", "eng5_anchor_gpt51_low", "eng5_lower5_gpt51_low")

Share = Annotated[float, Field(ge=0, le=1)]
Milliseconds = Annotated[float, Field(ge=0, le=600_000)]
ErrorStatus = Annotated[int, Field(ge=400, le=599)]


class MockSettings(BaseModel):
    """What can be set of the mock profiles.

    ``seed`` is part of every draw but the winner's, which follows from the prompt alone. ``latency_ms`` and
    ``latency_jitter_ms`` stand in for the profile's own latency when either is above 0, and ``latency_scale`` is the share
    of it that is really waited. Errors (profile ``default`` only): ``error_rate`` by request; ``error_burst_rate`` is the
    share of calls at which a burst begins, which fails ``error_burst_length`` calls in a row; ``error_codes`` are their HTTP
    statuses. ``confidence_base`` and ``confidence_jitter`` are on the scale of verdicts, 1 to 5.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 42
    latency_ms: Milliseconds = 0.0
    latency_jitter_ms: Milliseconds = 0.0
    latency_scale: float = Field(default=1.0, ge=0, le=10)
    error_rate: Share = 0.0
    error_codes: tuple[ErrorStatus, ...] = Field(default=(429, 503, 500), min_length=1)
    error_burst_rate: Share = 0.0
    error_burst_length: int = Field(default=0, ge=0, le=1000)
    tokens_per_word: float = Field(default=0.75, gt=0, le=100)
    confidence_base: float = Field(default=4.5, ge=1, le=5)
    confidence_jitter: float = Field(default=0.3, ge=0, le=4)

    @field_validator("error_codes", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value

    @model_validator(mode="after")
    def _bursts_have_a_length(self) -> Self:
        if (self.error_burst_rate > 0) != (self.error_burst_length > 0):
            raise ValueError("error_burst_rate and error_burst_length: set both, or neither")
        return self

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Return the settings that words like ``seed=7`` and ``error_codes=429,503`` make.

        Raises:
            EmulatorError: a word is no NAME=VALUE, a name is unknown or stands there twice, or a value can not be used.

        """
        given: dict[str, str] = {}
        for word in words:
            name, equals, value = word.partition("=")
            if not equals or name in given:
                problem = "is there twice" if equals else "is no NAME=VALUE"
                raise EmulatorError(f"mock setting '{word}': {problem} (known names: {', '.join(cls.model_fields)})")
            given[name] = value
        try:
            return cls.model_validate(given)
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            names = f" (known names: {', '.join(cls.model_fields)})" if first["type"] == "extra_forbidden" else ""
            raise EmulatorError(f"mock setting {place + ': ' if place else ''}{first['msg']}{names}") from None

    def words(self) -> list[str]:
        """Return what is not as it is by default, in the form that :meth:`parse` reads."""
        changed = self.model_dump(exclude_defaults=True)
        return [f"{name}={','.join(map(str, v)) if isinstance(v, tuple) else v}" for name, v in changed.items()]

    @property
    def makes_errors(self) -> bool:
        """Whether any request can be answered with an error."""
        return self.error_rate > 0 or self.error_burst_rate > 0


class EmulatorConfig(BaseModel):
    """What one emulator is: where its state lives, who judges, and how fast its clock runs.

    ``seconds_per_job`` is the life of a batch from creation to its last state; ``live_latency_seconds`` is added to
    each live reply; ``idle_exit_seconds`` ends the server after that long without a request (None: never). ``faults`` is
    a fault script; ``enqueued_token_limit`` (per OpenAI model) and ``requests_per_minute`` (per provider) refuse what goes
    beyond them (None: no limit). ``mock`` belongs to the mock profiles. ``prompt_cache`` simulates the providers' prompt
    caches and is the share of a batch job's requests that find what is cached; live calls always do (None: no cache).
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
    mock: MockSettings = MockSettings()
    prompt_cache: Share | None = None

    @model_validator(mode="after")
    def _latent_profile_has_its_file(self) -> Self:
        if (self.profile == "latent") != (self.latent_file is not None):
            raise ValueError("latent_file: give it with profile 'latent', and only with it")
        return self

    @model_validator(mode="after")
    def _mock_settings_have_their_profile(self) -> Self:
        if self.profile not in MOCK_NAMES and self.mock != MockSettings():
            raise ValueError(
                f"mock: these settings are of the profiles {', '.join(MOCK_NAMES)}, and the profile is {self.profile}"
            )
        if self.mock.makes_errors and self.profile != "default":
            raise ValueError(
                f"mock: only the profile default makes errors, and the profile is {self.profile} (or use --faults)"
            )
        return self


def make_config(**fields: Any) -> EmulatorConfig:
    """Return the settings with these fields. Raises EmulatorError when they can not be used, or not together."""
    try:
        return EmulatorConfig(**fields)
    except ValidationError as problem:
        lines = [
            f"{'.'.join(map(str, error['loc'])) or 'settings'}: {error['msg'].removeprefix('Value error, ')}"
            for error in problem.errors(include_url=False, include_input=False)
        ]
        raise EmulatorError("emulator: " + "; ".join(lines)) from None
