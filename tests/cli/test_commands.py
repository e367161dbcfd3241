"""The command line as a user meets it: help, exit codes, errors that say what to do, and runs that survive anything."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from huleedu_pipeline.cli.reference import all_commands
from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.settings import Settings
from tests.cli.kit import environment, huleedu, start
from tests.kit import emulator_books, write_batch

COMMANDS = [
    "admin anchors delete",
    "admin anchors get",
    "admin anchors import-dir",
    "admin anchors list",
    "admin anchors register",
    "admin history",
    "admin import-dir",
    "admin instructions create",
    "admin instructions delete",
    "admin instructions get",
    "admin instructions list",
    "admin prompts get",
    "admin prompts list",
    "admin prompts register",
    "admin rubrics get",
    "admin rubrics list",
    "admin rubrics register",
    "admin scales delete",
    "admin scales get",
    "admin scales list",
    "admin scales register",
    "cancel",
    "compare-text",
    "content gc",
    "content verify",
    "database init",
    "database migrate",
    "database status",
    "demo",
    "doctor",
    "emulator",
    "eng5 anchor-align",
    "eng5 dry-run",
    "eng5 execute",
    "eng5 plan",
    "eng5 preflight",
    "eng5 record",
    "eng5 verify",
    "estimate",
    "export-subject",
    "import-csv",
    "init",
    "inspect",
    "judgements import",
    "limit",
    "logs",
    "match",
    "metrics dump",
    "metrics serve",
    "models check",
    "models list",
    "plan",
    "prompts list",
    "prompts render",
    "prompts show",
    "reconcile",
    "recover",
    "results",
    "retry",
    "run",
    "status",
    "traces capture",
    "ui",
]


def created(home: Path) -> int:
    return int(emulator_books(home / "emulator")["batch_jobs_created"]["openai"])


def wait_until_submitted(home: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a started run says that the provider has its job."""
    assert process.stderr is not None
    for line in process.stderr:
        if "waiting (1 of 1 jobs" in line:
            return
    raise AssertionError(f"the run ended early with {process.wait()}")


def test_help_teaches_every_command_by_example() -> None:
    commands = all_commands()
    assert [name for name, _ in commands] == COMMANDS
    for name, command in commands:
        assert f"Example: huleedu {name}" in command.help, name
        for parameter in command.params:
            assert getattr(parameter, "help", None) or parameter.name == "help", f"{name} {parameter.name}"


def test_help_explains_the_exit_codes_and_answers_without_loading_dagster(tmp_path: Path) -> None:
    result = huleedu(tmp_path / "home", "--help")
    assert result.returncode == 0
    assert "Exit codes: 0 done; 1 refused or failed" in " ".join(result.stdout.split())
    script = "import sys, huleedu_pipeline.cli.app; print('dagster' in sys.modules, 'pandas' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == ["False", "False"]


def test_wrong_use_exits_with_2(home: Path) -> None:
    assert huleedu(home, "results").returncode == 2
    assert huleedu(home, "run", "--wrong").returncode == 2


def test_a_new_folder_says_what_is_missing_until_it_is_filled(home: Path, tmp_path: Path) -> None:
    assert huleedu(home, "init", tmp_path / "my-class").returncode == 0
    refused = huleedu(home, "run", tmp_path / "my-class")
    assert refused.returncode == 1
    assert "error: batch my-class: essays/: holds 0 pupils' essays" in refused.stderr
    assert "Traceback" not in refused.stderr
    again = huleedu(home, "init", tmp_path / "my-class")
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert not (home / "emulator").exists()


def test_any_csv_becomes_a_batch_that_runs_and_publishes(home: Path, tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    rows = [
        f'{n},"Text number {n} says something, {"and more " * n}in the end.",{["A1", "A2", "B1"][n % 3]},x' for n in range(9)
    ]
    table.write_text("id,answer,level,topic\n" + "\n".join(rows) + "\n9,Another topic.,A1,y\n", encoding="utf-8")
    folder = tmp_path / "answers-1"
    columns = ("--id-column", "id", "--text-column", "answer", "--where", "topic=x", "--prompt", "Say something.")
    anchors = ("--grade-column", "level", "--grade-scale", "cefr_6_level", "--anchors", "3")
    made = huleedu(
        home, "import-csv", table, "--to", folder, *columns, *anchors, "--provider", "anthropic", "--mode", "serial_bundle"
    )
    assert made.returncode == 0, made.stderr
    assert "6 essays and 3 anchors" in made.stdout
    assert huleedu(home, "results", "answers-1").returncode == 1
    ran = huleedu(home, "run", folder)
    assert ran.returncode == 0, ran.stderr
    assert "emulated-claude" in ran.stdout
    ranking = json.loads(huleedu(home, "results", "answers-1", "--format", "json").stdout)
    assert len(ranking) == 9
    not_ready = huleedu(home, "results", "another")
    assert (not_ready.returncode, not_ready.stdout) == (3, "")
    assert "batch another: has no published results yet" in not_ready.stderr


def test_a_killed_run_is_collected_by_the_same_command_and_bought_once(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    process = start(home, "run", folder, HULEEDU_EMULATOR_SECONDS_PER_JOB="4")
    wait_until_submitted(home, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = huleedu(home, "run", folder)
    assert again.returncode == 0, again.stderr
    assert "28 verdicts of 28 requests" in again.stdout
    assert created(home) == 1


def test_an_interrupted_run_says_how_to_go_on(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    process = start(home, "run", folder, HULEEDU_EMULATOR_SECONDS_PER_JOB="8")
    wait_until_submitted(home, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "nothing is lost: start the same command again" in errors
    assert huleedu(home, "run", folder).returncode == 0
    assert created(home) == 1


@pytest.mark.parametrize("pause_seconds", [0.5, 2.0, 3.0])
def test_a_run_killed_at_any_moment_is_bought_once(pause_seconds: float, home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    process = start(home, "run", folder, HULEEDU_RECONCILE_SETTLE_SECONDS="0.5")
    time.sleep(pause_seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = huleedu(home, "run", folder, HULEEDU_RECONCILE_SETTLE_SECONDS="0.5")
    assert again.returncode == 0, again.stderr
    assert created(home) == 1


DAEMONS_RUN = """
import sys
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.orchestration.home import open_instance
from huleedu_pipeline.settings import Settings

settings = Settings.load()
with open_instance(settings) as instance:
    instance.add_dynamic_partitions("cj_batch", ["b1"])
    job = build_definitions(settings).resolve_job_def("submit_batch")
    job.execute_in_process(instance=instance, partition_key="b1")
"""


def test_a_run_of_a_killed_daemon_does_not_keep_a_batch_waiting(home: Path, tmp_path: Path) -> None:
    folder = write_batch(home / "inbox" / "b1", llm_batching_mode="per_request")
    slowly = environment(home, HULEEDU_LIVE_CONCURRENCY="1")
    process = subprocess.Popen([sys.executable, "-c", DAEMONS_RUN], env=slowly, stderr=subprocess.DEVNULL, cwd=tmp_path)
    ledger = home / "ledger.sqlite"
    deadline = time.monotonic() + 300
    while not n_outcomes(ledger):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    again = huleedu(home, "run", folder)
    assert again.returncode == 0, again.stderr
    assert "28 verdicts of 28 requests" in again.stdout
    assert emulator_books(home / "emulator")["calls"]["POST /v1/responses"] <= 29  # at most the call in flight is made again


def n_outcomes(ledger: Path) -> int:
    """Return how many outcomes a ledger holds that may still be in the making."""
    if not ledger.exists():
        return 0
    with closing(sqlite3.connect(ledger)) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'attempts'").fetchone()[0]
        return int(connection.execute("SELECT count(*) FROM attempts WHERE is_final").fetchone()[0]) if tables else 0


def test_a_deleted_warehouse_is_published_again(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    assert huleedu(home, "run", folder).returncode == 0
    (home / "warehouse.duckdb").unlink()
    again = huleedu(home, "run", folder)
    assert again.returncode == 0, again.stderr
    assert "28 verdicts of 28 requests" in again.stdout


def test_settings_that_can_not_be_used_are_told_in_one_line(home: Path) -> None:
    wrong = huleedu(home, "status", HULEEDU_JUDGE_BACKEND="foo")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("error: HULEEDU_JUDGE_BACKEND: input should be 'emulator' or 'provider'")
    assert "Traceback" not in wrong.stderr


def test_an_emulator_that_can_not_start_says_why_in_one_line(home: Path, tmp_path: Path) -> None:
    assert huleedu(home, "emulator", "--port", "0", "--profile", "latent").returncode == 2
    (tmp_path / "faults.json").write_text('{"rulez": []}', encoding="utf-8")
    refused = huleedu(home, "emulator", "--port", "0", "--faults", tmp_path / "faults.json")
    assert refused.returncode == 1
    assert "rulez: Extra inputs are not permitted" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_status_names_what_keeps_a_folder_in_the_inbox(home: Path) -> None:
    (write_batch(home / "inbox" / "b1") / "rubric.md").unlink()
    assert "inbox/b1: refused: batch b1: rubric.md: is missing" in huleedu(home, "status").stdout


def test_two_people_who_start_the_same_batch_buy_it_once(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    both = [start(home, "run", folder), start(home, "run", folder)]
    for process in both:
        process.communicate(timeout=300)
    assert huleedu(home, "run", folder).returncode == 0
    assert created(home) == 1


def test_a_run_can_be_left_to_others(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    submitted = huleedu(home, "run", folder, "--no-wait")
    assert submitted.returncode == 0
    assert "batch b1 is awaiting_judgements" in submitted.stdout
    assert huleedu(home, "run", folder).returncode == 0
    assert created(home) == 1


def test_a_changed_folder_is_refused_under_its_old_name(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    assert huleedu(home, "run", folder, "--no-wait").returncode == 0
    (folder / "rubric.md").write_text("Judge something else.", encoding="utf-8")
    refused = huleedu(home, "run", folder)
    assert refused.returncode == 1
    assert "error: batch b1: was submitted before with other content" in refused.stderr


def test_the_real_provider_is_refused_without_its_key_before_anything_is_sent(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    refused = huleedu(home, "run", folder, HULEEDU_JUDGE_BACKEND="provider", OPENAI_API_KEY="")
    assert refused.returncode == 1
    assert "OPENAI_API_KEY: is not set" in refused.stderr


def test_the_doctor_finds_a_healthy_installation_healthy_and_names_what_is_not(home: Path) -> None:
    healthy = huleedu(home, "doctor")
    assert healthy.returncode == 0, healthy.stdout
    for subject in ("versions", "home", "disk", "ledger", "openai", "anthropic"):
        assert f"ok    {subject}: " in healthy.stdout
    ill = huleedu(home, "doctor", HULEEDU_JUDGE_BACKEND="provider", OPENAI_API_KEY="", ANTHROPIC_API_KEY="")
    assert ill.returncode == 1
    assert "fail  openai: OPENAI_API_KEY: is not set" in ill.stdout
    (home / "ledger.sqlite").write_bytes(b"this is no database" * 100)
    assert "fail  ledger: " in huleedu(home, "doctor").stdout


def test_an_estimate_names_the_most_it_may_cost_and_sends_nothing(home: Path, tmp_path: Path) -> None:
    told = huleedu(home, "estimate", write_batch(tmp_path / "b1"))
    assert told.returncode == 0
    assert "b1: 28 comparisons by gpt-6-luna (provider_batch_api)" in told.stdout
    assert 0 < float(told.stdout.split("at most ")[-1].split(" USD")[0]) < 0.1
    unlisted = write_batch(tmp_path / "unlisted", judge={"provider": "openai", "model": "gpt-9", "is_unlisted_model": True})
    told = huleedu(home, "estimate", unlisted)
    assert "cost: unknown, the manifest of 2026-11-20 has no price of gpt-9" in told.stdout
    assert "WARNING: model: 'gpt-9' is not in the manifest" in told.stdout
    assert not (home / "emulator").exists()


def test_what_is_to_be_known_of_a_judge_is_said_before_it_judges(home: Path, tmp_path: Path) -> None:
    judge = {"provider": "openai", "model": "gpt-5.1"}
    told = huleedu(home, "run", "--no-wait", write_batch(tmp_path / "b1", judge=judge))
    assert told.returncode == 0, told.stderr
    assert "WARNING: model: the provider shuts gpt-5.1 down on 2027-04-01" in told.stderr
    refused = huleedu(home, "run", write_batch(tmp_path / "b2", judge={**judge, "temperature": 0}))
    assert refused.returncode == 1
    assert "batch.yaml: judge: temperature: gpt-5.1 does not take it" in refused.stderr


def test_a_batch_that_may_cost_too_much_is_refused_before_anything_is_sent(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", max_cost_usd=0.0001)
    refused = huleedu(home, "run", folder)
    assert refused.returncode == 1
    assert "batch b1: max_cost_usd is 0.0001 USD" in refused.stderr
    assert emulator_books(home / "emulator")["batch_jobs_created"]["openai"] == 0
    assert "huleedu limit b1 USD raises it" in refused.stderr
    raised = huleedu(home, "limit", "b1", "5")
    assert raised.returncode == 0, raised.stderr
    assert "batch b1: may cost 5 USD; 0.0000 USD of it is spent" in raised.stdout
    assert huleedu(home, "run", folder).returncode == 0
    ended = huleedu(home, "limit", "b1", "9")
    assert ended.returncode == 1
    assert "nothing is asked for it any more" in ended.stderr


def test_a_quarantined_job_is_listed_and_settled_by_hand(home: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    huleedu(home, "run", "--no-wait", folder)
    ledger = Ledger(Settings(home=home).absolute().ledger_url)
    (job,) = ledger.jobs("b1")
    ledger.move_job(job, JobState.QUARANTINED, last_error="it may be any of two")
    ledger.close()
    stuck = huleedu(home, "run", folder)
    assert stuck.returncode == 1
    assert "batch b1: QUARANTINED: it may be any of two; decide with: huleedu reconcile b1" in stuck.stderr
    assert f"decide: huleedu reconcile --job {job.token}" in huleedu(home, "reconcile").stdout
    settled = huleedu(home, "reconcile", "--job", job.token, "--adopt", str(job.provider_job_id))
    assert settled.returncode == 0, settled.stderr
    assert huleedu(home, "run", folder).returncode == 0
    assert emulator_books(home / "emulator")["batch_jobs_created"]["openai"] == 1


def test_a_batch_is_cancelled_published_as_that_and_brought_back(home: Path, tmp_path: Path) -> None:
    folder, slow = write_batch(tmp_path / "b1"), {"HULEEDU_EMULATOR_SECONDS_PER_JOB": "60"}
    assert huleedu(home, "run", folder, "--no-wait", **slow).returncode == 0
    cancelled = huleedu(home, "cancel", "b1", "--because", "wrong prompt", **slow)
    assert cancelled.returncode == 0, cancelled.stderr
    assert "1 jobs are being cancelled at openai. To go on after all: huleedu retry b1" in cancelled.stdout
    ended = huleedu(home, "run", folder, **slow)
    assert ended.returncode == 1
    assert "batch b1: cancelled: wrong prompt (nothing is ranked; to ask again" in ended.stderr
    shown = huleedu(home, "status", "b1").stdout
    assert "because: wrong prompt" in shown
    assert "UTC cancelled (wrong prompt)" in shown
    again = huleedu(home, "retry", "b1")
    assert "batch b1: is awaiting_judgements again" in again.stdout
    assert huleedu(home, "retry", "b1").returncode == 1
    assert huleedu(home, "recover").stdout == "no batch is past its deadline\n"
    assert created(home) == 1
