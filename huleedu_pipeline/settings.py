"""Settings: every choice that an installation makes, read once from the environment (prefix ``HULEEDU_``).

Here: where state lives, which judge backend is used, time limits. Not here: anything about one batch (that is
``batch.yaml``, see :mod:`huleedu_pipeline.essays.spec`) and no secret: API keys are read at the moment
a client is made, and stored nowhere (:mod:`huleedu_pipeline.providers.keys`).
"""

from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from huleedu_pipeline.errors import HuleeduError

JudgeBackend = Literal["emulator", "provider"]
EmulatorProfile = Literal["surface", "latent", "default", "cj_generic_batch", "eng5_anchor_gpt51_low", "eng5_lower5_gpt51_low"]
BatchApiMode = Literal["disabled", "nightly", "opportunistic"]
POSTGRES = "postgresql+psycopg2"
SECRETS = frozenset({"password", "sslpassword"})


class SettingsError(HuleeduError):
    """An environment variable whose value can not be used."""


class Settings(BaseSettings):
    """One installation's settings; each field is the environment variable ``HULEEDU_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="HULEEDU_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(default=Path(".huleedu"), description="Folder of everything mutable; removing it resets the system.")
    database_url: str | None = Field(
        default=None,
        description="URL of a Postgres database, like postgresql://huleedu_pipeline@db/huleedu: the ledger is kept there, and "
        "the warehouse published there as well; without a password, which PGPASSWORD or a password file gives. Default: "
        "SQLite and DuckDB in HULEEDU_HOME.",
    )
    judge_backend: JudgeBackend = Field(
        default="emulator",
        description="'emulator' judges locally for nothing; 'provider' sends requests to the real services and costs money.",
    )
    openai_base_url: str | None = Field(
        default=None, description="OpenAI-compatible server to use instead of OpenAI's own (backend 'provider')."
    )
    anthropic_base_url: str | None = Field(
        default=None, description="Server to use instead of Anthropic's own (backend 'provider')."
    )
    emulator_profile: EmulatorProfile = Field(
        default="surface",
        description="How the local emulator judges: surface, latent, or a mock profile (default, cj_generic_batch, "
        "eng5_anchor_gpt51_low, eng5_lower5_gpt51_low); see docs/emulator.md.",
    )
    emulator_mock: str = Field(
        default="",
        description="Settings of the mock profile, with spaces between, like 'seed=7 latency_scale=0'; see docs/emulator.md.",
    )
    emulator_prompt_cache: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Have the emulator simulate prompt caches: the share of a batch job's requests that find what is cached "
        "(0.64 is what was seen). Default: no cache.",
    )
    emulator_latent_file: Path | None = Field(
        default=None, description="JSON file with the true theta of each text, for the profile 'latent'."
    )
    emulator_seconds_per_job: float = Field(
        default=3.0, gt=0, description="How long the emulator takes over a batch job, in seconds."
    )
    emulator_idle_exit_seconds: float = Field(
        default=600.0, gt=0, description="The emulator ends by itself after this long without a request, in seconds."
    )
    llm_batching_mode: Literal["per_request", "serial_bundle", "provider_batch_api"] = Field(
        default="provider_batch_api",
        description="How batches are judged that name no llm_batching_mode themselves: per_request, serial_bundle or "
        "provider_batch_api.",
    )
    llm_batch_api_allowed_providers: Annotated[tuple[Literal["openai", "anthropic"], ...], NoDecode] = Field(
        default=("openai", "anthropic"),
        description="Providers whose batch jobs may be used, with commas between; for others the mode above is taken, or "
        "serial_bundle.",
    )
    batch_api_mode: BatchApiMode = Field(
        default="disabled",
        description="When the daemon submits batches in provider_batch_api mode. disabled: as they arrive. nightly: at "
        "HULEEDU_NIGHTLY_AT. opportunistic: when HULEEDU_OPPORTUNISTIC_REQUESTS wait, and what is left in the night.",
    )
    nightly_at: time = Field(
        default=time(2), description="When a night begins: batches are submitted, and the cost limit of a night begins anew."
    )
    nightly_time_zone: str = Field(default="Europe/Stockholm", description="Time zone of HULEEDU_NIGHTLY_AT.")
    opportunistic_requests: int = Field(
        default=500, ge=1, description="How many waiting requests are enough to submit them at once (opportunistic)."
    )
    live_concurrency: int = Field(default=8, ge=1, le=256, description="Live judge calls, or bundles, in flight at once.")
    preferred_bundle_size: int = Field(
        default=64, ge=1, le=64, description="Requests in a bundle of serial_bundle, which are asked one after another."
    )
    max_attempts: int = Field(
        default=3, ge=1, le=10, description="How often a request is asked at most, where asking again may help."
    )
    max_cost_usd_per_night: float | None = Field(
        default=None,
        ge=0,
        description="Most that judging may cost from one HULEEDU_NIGHTLY_AT to the next, in USD: a gate before anything is "
        "sent, over all batches.",
    )
    enqueued_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Prompt tokens that may wait in batch jobs of one model at once, where the provider's limit is known.",
    )
    patience_seconds: float = Field(
        default=120.0,
        ge=0,
        description="How long a live run waits for a provider that asks to wait, in seconds; then the rest is left for later.",
    )
    connect_timeout_seconds: float = Field(default=10.0, gt=0, description="Time to connect to a provider, in seconds.")
    read_timeout_seconds: float = Field(default=120.0, gt=0, description="Time to wait for a reply, in seconds.")
    reconcile_settle_seconds: float = Field(
        default=60.0,
        ge=0,
        description="After a submission whose outcome is unknown, how long a provider's listing may lag, in seconds.",
    )
    poll_interval_seconds: float = Field(
        default=2.0, gt=0, description="How often `huleedu run --wait` looks at the provider's jobs, in seconds."
    )

    log_days: int = Field(default=90, ge=1, description="How long lines of the log are kept, in days.")
    log_megabytes: int = Field(
        default=200, ge=20, description="How much room the log takes at most, in MB; the oldest lines go first."
    )

    tracing: Literal["off", "otlp"] = Field(
        default="off",
        description="otlp: spans of paid work go to the OpenTelemetry collector that OTEL_EXPORTER_OTLP_ENDPOINT names; "
        "needs the extra 'tracing'.",
    )

    # Left out of every dump: settings are shown in the UI and stored with every run, and the address is a secret.
    notify_webhook: SecretStr | None = Field(
        default=None,
        exclude=True,
        description="Address (http or https) to which a small JSON is posted when a run or a batch fails, or a person is "
        "needed; chat programs show its `text`. Kept like a key. Default: the log only.",
    )

    @field_validator("notify_webhook")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or urlsplit(value.get_secret_value()).scheme in ("http", "https"):
            return value
        raise ValueError("is no http or https address")

    @field_validator("llm_batch_api_allowed_providers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("nightly_at")
    @classmethod
    def _minutes_by_the_clock_on_the_wall(cls, value: time) -> time:
        if value.tzinfo is not None or value.second or value.microsecond:
            raise ValueError("is no time of day in hours and minutes, like 02:00 (HULEEDU_NIGHTLY_TIME_ZONE names the zone)")
        return value

    @field_validator("nightly_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"'{value}' is not a known time zone, like Europe/Stockholm") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres_without_password(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = make_url(value)
        except ArgumentError:
            raise ValueError("is no URL of a database, like postgresql://huleedu_pipeline@db/huleedu") from None
        if url.password is not None or SECRETS & url.query.keys():
            # Settings are shown in the UI and stored with every run.
            raise ValueError("holds a password, which belongs in PGPASSWORD or a password file")
        # What a bare postgresql:// means depends on the version of SQLAlchemy.
        url = url.set(drivername=POSTGRES) if url.drivername == "postgresql" else url
        if url.drivername != POSTGRES:
            raise ValueError(f"begins with {url.drivername}://, and only Postgres by psycopg2 is known ({POSTGRES}://)")
        return url.render_as_string(hide_password=False)

    @model_validator(mode="after")
    def _latent_needs_its_file(self) -> "Settings":
        if self.emulator_profile == "latent" and self.emulator_latent_file is None:
            raise ValueError("HULEEDU_EMULATOR_LATENT_FILE: is not set, and HULEEDU_EMULATOR_PROFILE=latent needs it")
        return self

    @classmethod
    def load(cls) -> "Settings":
        """Return the settings that the environment gives, with an absolute home.

        Raises:
            SettingsError: a variable's value can not be used; the message names the variable and what it may be.

        """
        try:
            return cls().absolute()
        except ValidationError as error:
            lines = [_explain(item["loc"], item["msg"]) for item in error.errors(include_url=False, include_input=False)]
            raise SettingsError("\n".join(lines)) from None

    def absolute(self) -> "Settings":
        """Return the same settings with ``home`` resolved, so that a process may change its working directory."""
        return self.model_copy(update={"home": self.home.expanduser().resolve()})

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        if self.database_url is not None:
            return self.database_url
        path = str(self.home / "ledger.sqlite")
        return URL.create("sqlite", database=path).render_as_string(hide_password=False)

    @property
    def lake_dir(self) -> Path:
        """Folder of the Parquet lake."""
        return self.home / "lake"

    @property
    def raw_dir(self) -> Path:
        """Folder of the providers' result files as they were downloaded."""
        return self.lake_dir / "raw"

    @property
    def content_dir(self) -> Path:
        """Folder of the content store."""
        return self.home / "content"

    @property
    def warehouse_path(self) -> Path:
        """The published DuckDB file."""
        return self.home / "warehouse.duckdb"

    @property
    def dagster_dir(self) -> Path:
        """``DAGSTER_HOME`` of this installation."""
        return self.home / "dagster"

    @property
    def inbox_dir(self) -> Path:
        """Folder in which a batch folder is dropped to be run."""
        return self.home / "inbox"

    @property
    def logs_dir(self) -> Path:
        """Folder of the logs, JSON lines by day."""
        return self.home / "logs"

    @property
    def emulator_dir(self) -> Path:
        """State folder of the local emulator."""
        return self.home / "emulator"


def _explain(loc: tuple[int | str, ...], message: str) -> str:
    if not loc:
        return message.removeprefix("Value error, ")
    message = message.removeprefix("Value error, ")
    return f"HULEEDU_{str(loc[0]).upper()}: {message[0].lower()}{message[1:]} (correct it, or unset it for the default)"
