"""Starting, finding, replacing and stopping the emulator of a state folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.errors import EmulatorError
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator

from .kit import PLAIN, fetch, python_output, until
from .test_emulator_profiles import write_latent


@pytest.fixture
def config(tmp_path: Path) -> Iterator[EmulatorConfig]:
    settings = EmulatorConfig(state_dir=tmp_path / "state", idle_exit_seconds=60)
    yield settings
    stop_emulator(settings.state_dir)


def endpoint_of(config: EmulatorConfig) -> dict[str, object]:
    content: dict[str, object] = json.loads((config.state_dir / "endpoint.json").read_bytes())
    return content


def pid_of(base_url: str) -> int:
    return int(fetch(f"{base_url}/healthz")["pid"])


def test_start_reuse_stop(config: EmulatorConfig) -> None:
    assert stop_emulator(config.state_dir) is False
    first = ensure_emulator(config)
    pid = pid_of(first)
    assert endpoint_of(config) == {"base_url": first, "pid": pid, "profile": "surface", "seconds_per_job": 3.0}
    assert ensure_emulator(config) == first
    assert pid_of(first) == pid
    assert stop_emulator(config.state_dir) is True
    with pytest.raises(OSError, match="refused"):
        fetch(f"{first}/healthz")
    assert stop_emulator(config.state_dir) is False


def test_a_killed_emulator_is_replaced(config: EmulatorConfig) -> None:
    pid = pid_of(ensure_emulator(config))
    os.kill(pid, signal.SIGKILL)
    assert pid_of(ensure_emulator(config)) != pid


def test_another_judge_replaces_the_running_one(config: EmulatorConfig, tmp_path: Path) -> None:
    surface = pid_of(ensure_emulator(config))
    path = write_latent(tmp_path / "latent.json", {PLAIN: 1.0})
    latent = config.model_copy(update={"profile": "latent", "latent_file": path})
    first = ensure_emulator(latent)
    assert fetch(f"{first}/healthz")["profile"] == "latent"
    assert pid_of(first) != surface
    assert ensure_emulator(latent) == first
    write_latent(path, {PLAIN: 2.0})
    assert pid_of(ensure_emulator(latent)) != surface
    assert endpoint_of(config)["profile"] == "latent"


def test_a_stranger_on_the_port_is_left_alone(config: EmulatorConfig) -> None:
    other = config.model_copy(update={"state_dir": config.state_dir.with_name("other")})
    other_url = ensure_emulator(other)
    config.state_dir.mkdir()
    endpoint = {"base_url": other_url, "pid": os.getpid(), "profile": "surface", "seconds_per_job": 3.0}
    (config.state_dir / "endpoint.json").write_text(json.dumps(endpoint), encoding="utf-8")
    assert stop_emulator(config.state_dir) is False
    assert ensure_emulator(config) != other_url
    assert stop_emulator(other.state_dir) is True


def test_the_emulator_outlives_its_launcher(config: EmulatorConfig) -> None:
    code = f"""
import os, signal
from pathlib import Path
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
ensure_emulator(EmulatorConfig(state_dir=Path({str(config.state_dir)!r}), idle_exit_seconds=60))
os.kill(os.getpid(), signal.SIGKILL)
"""
    launcher = subprocess.run([sys.executable, "-c", code], timeout=30)
    assert launcher.returncode == -signal.SIGKILL
    url = str(endpoint_of(config)["base_url"])
    assert fetch(f"{url}/healthz")["status"] == "ok"
    assert ensure_emulator(config) == url


def test_callers_at_the_same_time_share_one_emulator(config: EmulatorConfig) -> None:
    code = f"""
from pathlib import Path
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
print(ensure_emulator(EmulatorConfig(state_dir=Path({str(config.state_dir)!r}), idle_exit_seconds=60)))
"""
    callers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    urls = {caller.communicate(timeout=30)[0].strip() for caller in callers}
    assert urls == {ensure_emulator(config)}


def test_a_failed_start_tells_why(config: EmulatorConfig, tmp_path: Path) -> None:
    bad = tmp_path / "latent.json"
    bad.write_text('{"theta": 1}', encoding="utf-8")
    with pytest.raises(EmulatorError, match=r"ended with status 1(.|\n)*theta"):
        ensure_emulator(config.model_copy(update={"profile": "latent", "latent_file": bad}))


def test_stopped_by_idleness(tmp_path: Path) -> None:
    config = EmulatorConfig(state_dir=tmp_path / "state", idle_exit_seconds=0.5)
    ensure_emulator(config)
    lock = config.state_dir / "writer.lock"
    until(lambda: stop_is_needless(config.state_dir, lock), bool)


def stop_is_needless(state_dir: Path, lock: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            return stop_emulator(state_dir) is False
    except Timeout:
        return False


def test_the_server_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, huleedu_pipeline.providers.emulator.__main__\n"
        "print([name for name in ('dagster', 'pandas', 'numpy', 'openai', 'anthropic') if name in sys.modules])"
    )
    assert python_output(code, "0").strip() == "[]"
