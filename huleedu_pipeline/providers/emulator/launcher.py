"""Finds, starts and stops the emulator of a state folder as a process of its own.

Here: the endpoint file, the health check, the spawning. Not here: the server itself, which is only ever run as
``python -m huleedu_pipeline.providers.emulator``. The process outlives whoever started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .config import ENDPOINT_FILE, LAUNCH_LOCK, LOG_FILE, SERVICE_NAME, WRITER_LOCK, EmulatorConfig
from .errors import EmulatorError
from .profiles import profile_fingerprint

_HEALTH_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_STOP_TIMEOUT_SECONDS = 20.0
_LOG_TAIL_BYTES = 2000
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]

# A local address must not be asked for through a proxy of the environment.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

# Processes started from here, kept so that their exit is collected.
_started: list[subprocess.Popen[bytes]] = []


def ensure_emulator(config: EmulatorConfig, *, start_timeout_seconds: float = 30) -> str:
    """Return the base URL of a healthy emulator for ``config.state_dir``, starting or replacing one when needed.

    One that judges otherwise (another profile, latent file, mock setting or prompt cache) is replaced; other differences of
    settings are left as they are. Raises EmulatorError when none is healthy within ``start_timeout_seconds``.
    """
    config.state_dir.mkdir(parents=True, exist_ok=True)
    wanted = profile_fingerprint(config)
    running = _running(config.state_dir)
    if running is not None and running["profile_fingerprint"] == wanted:
        return str(running["base_url"])
    try:
        with FileLock(config.state_dir / LAUNCH_LOCK, timeout=start_timeout_seconds):
            running = _running(config.state_dir)
            if running is not None and running["profile_fingerprint"] == wanted:
                return str(running["base_url"])
            if running is not None:
                _stop(config.state_dir, int(running["pid"]))
            return _start(config, start_timeout_seconds)
    except Timeout as problem:
        message = f"state folder {config.state_dir}: another process has been starting an emulator for too long"
        raise EmulatorError(message) from problem


def stop_emulator(state_dir: Path) -> bool:
    """Stop the emulator of a state folder and wait until it let go of it; return whether one was running.

    Raises EmulatorError when it does not stop within 20 seconds.
    """
    running = _running(state_dir)
    if running is None:
        return False
    _stop(state_dir, int(running["pid"]))
    return True


def _running(state_dir: Path) -> dict[str, Any] | None:
    """Return what the emulator of a state folder says of itself, with its base URL; None when none answers."""
    try:
        endpoint = json.loads((state_dir / ENDPOINT_FILE).read_bytes())
    except FileNotFoundError:
        return None
    try:
        with _OPENER.open(f"{endpoint['base_url']}/healthz", timeout=_HEALTH_TIMEOUT_SECONDS) as reply:
            health = json.loads(reply.read())
    except (OSError, HTTPException, ValueError):
        return None  # nobody there, or somebody else on that port: either way not our emulator
    if not isinstance(health, dict) or health.get("service") != SERVICE_NAME or health.get("pid") != endpoint["pid"]:
        return None
    return health | {"base_url": endpoint["base_url"]}


def _stop(state_dir: Path, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    try:
        # The writer lock is free exactly when the process has let go of the state folder.
        with FileLock(state_dir / WRITER_LOCK, timeout=_STOP_TIMEOUT_SECONDS):
            (state_dir / ENDPOINT_FILE).unlink(missing_ok=True)
    except Timeout as problem:
        raise EmulatorError(f"state folder {state_dir}: the emulator (pid {pid}) does not stop") from problem
    _collect_exits()


def _collect_exits() -> None:
    _started[:] = [process for process in _started if process.poll() is None]


def _command(config: EmulatorConfig) -> list[str]:
    command = [sys.executable, "-m", "huleedu_pipeline.providers.emulator"]
    command += ["--state-dir", str(config.state_dir), "--profile", config.profile]
    command += ["--seconds-per-job", str(config.seconds_per_job)]
    command += ["--live-latency-seconds", str(config.live_latency_seconds)]
    command += ["--endpoint-file", str(config.state_dir / ENDPOINT_FILE)]
    optional = {
        "--latent-file": config.latent_file,
        "--idle-exit-seconds": config.idle_exit_seconds,
        "--faults": config.faults,
        "--enqueued-token-limit": config.enqueued_token_limit,
        "--requests-per-minute": config.requests_per_minute,
        "--prompt-cache": config.prompt_cache,
    }
    for option, value in optional.items():
        if value is not None:
            command += [option, str(value)]
    for word in config.mock.words():
        command += ["--mock", word]
    return command


def _start(config: EmulatorConfig, timeout_seconds: float) -> str:
    _collect_exits()
    search_path = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    log_path = config.state_dir / LOG_FILE
    log_start = log_path.stat().st_size if log_path.exists() else 0
    with log_path.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own module, arguments from checked settings)
            _command(config),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(search_path)},
        )
    _started.append(process)
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        running = _running(config.state_dir)
        if running is not None and running["pid"] == process.pid:
            return str(running["base_url"])
        if process.poll() is not None:
            break
        time.sleep(_POLL_SECONDS)
    reason = "does not answer" if process.poll() is None else f"ended with status {process.returncode}"
    process.kill()
    process.wait()
    raise EmulatorError(f"the emulator for {config.state_dir} {reason}; its log ends:\n{_tail(log_path, log_start)}")


def _tail(path: Path, start: int) -> str:
    content = path.read_bytes()[start:]
    return content[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip() or "(empty)"
