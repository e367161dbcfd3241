"""Which servers judge: the local emulator, or the real providers. One setting decides, and nothing else does.

With ``HULEEDU_JUDGE_BACKEND=emulator`` (the default) an emulator is started when it is needed and keys in the environment
are not looked at. With ``provider`` the real services are used, or whatever the base-URL settings name.
"""

from dataclasses import replace

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.providers.emulator.config import EmulatorConfig, MockSettings, make_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
from huleedu_pipeline.providers.http import Endpoint
from huleedu_pipeline.providers.keys import key_of
from huleedu_pipeline.providers.limits import job_limits
from huleedu_pipeline.providers.protocols import JobLimits, Provider
from huleedu_pipeline.settings import Settings

DEFAULT_BASE_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}


class JudgeBackendMismatchError(HuleeduError):
    """A batch was planned for one backend and the setting names the other."""


def emulator_config(settings: Settings) -> EmulatorConfig:
    """Return the configuration of this installation's emulator.

    Raises:
        EmulatorError: HULEEDU_EMULATOR_MOCK or HULEEDU_EMULATOR_LATENT_FILE does not go with the profile.

    """
    return make_config(
        state_dir=settings.emulator_dir,
        profile=settings.emulator_profile,
        latent_file=settings.emulator_latent_file,
        seconds_per_job=settings.emulator_seconds_per_job,
        idle_exit_seconds=settings.emulator_idle_exit_seconds,
        mock=MockSettings.parse(settings.emulator_mock.split()),
        prompt_cache=settings.emulator_prompt_cache,
    )


def endpoint(settings: Settings, provider: str) -> Endpoint:
    """Return where ``provider`` is reached, starting the emulator if it is the backend and not running.

    Raises:
        MissingKeyError: the real service is asked for without a key.
        KeyFileError: its key should be in a file that can not be used.
        EmulatorError: the emulator does not start.

    """
    timeouts = {
        "connect_timeout_seconds": settings.connect_timeout_seconds,
        "read_timeout_seconds": settings.read_timeout_seconds,
    }
    if settings.judge_backend == "emulator":
        base_url = ensure_emulator(emulator_config(settings))
        if provider == "openai":
            base_url += "/v1"
        return Endpoint(base_url, api_key="emulator", is_emulated=True, **timeouts)
    key = key_of(provider)
    own = {"openai": settings.openai_base_url, "anthropic": settings.anthropic_base_url}[provider]
    return Endpoint(own or DEFAULT_BASE_URLS[provider], api_key=key, is_emulated=False, **timeouts)


def open_provider(settings: Settings, name: str) -> Provider:
    """Return the adapter for provider ``name``; raises as :func:`endpoint`."""
    where, limits = endpoint(settings, name), limits_of(settings, name)
    # Each SDK takes a second or more to import, and a batch needs one of them.
    if name == "openai":
        from huleedu_pipeline.providers.openai_provider import OpenAIProvider

        return OpenAIProvider(where, limits)
    from huleedu_pipeline.providers.anthropic_provider import AnthropicProvider

    return AnthropicProvider(where, limits)


def limits_of(settings: Settings, name: str) -> JobLimits:
    """Return the limits on provider ``name``'s batch jobs: as published, and as this installation knows them."""
    limits = job_limits(name)
    return limits if settings.enqueued_tokens is None else replace(limits, enqueued_tokens=settings.enqueued_tokens)


def backend_of(settings: Settings, provider: str) -> str:
    """Return the backend under which a batch with that judge is planned; people are their own, whatever the setting."""
    return HUMAN if provider == HUMAN else settings.judge_backend


def check_backend(settings: Settings, batch_id: str, judge_backend: str) -> None:
    """Refuse to go on with a batch under another backend than it was planned for; people judge under any.

    Raises:
        JudgeBackendMismatchError: simulated and real judgements would mix.

    """
    if judge_backend not in (HUMAN, settings.judge_backend):
        raise JudgeBackendMismatchError(
            f"batch {batch_id}: was planned for HULEEDU_JUDGE_BACKEND={judge_backend} and the setting is now "
            f"{settings.judge_backend} (set it back, or give the essays another batch_id)"
        )
