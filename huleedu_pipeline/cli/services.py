"""Commands around batches: `demo`, `emulator`, `ui`, `doctor`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

# As in the settings and in the emulator's own configuration, which are not imported before they are needed; a test holds
# the three together.
EmulatorProfile = Literal["surface", "latent", "default", "cj_generic_batch", "eng5_anchor_gpt51_low", "eng5_lower5_gpt51_low"]

EMULATOR_HELP = """Serve OpenAI's and Anthropic's wire formats locally, judging by a profile. Ends with Ctrl-C.

Other commands start an emulator by themselves when they need one; this one is for looking at it, or for other programs.
Two profiles look at the essays, and four mock profiles never do: they have known shares of winners, to rehearse with.

\b
  surface                a transparent score of surface features
  latent                 a judge with the true locations that --latent-file gives
  default                A and B win alike; can make errors (--mock error_rate=0.02)
  cj_generic_batch       A always wins
  eng5_anchor_gpt51_low  A wins 35 of 66; 1 100 tokens in, 40 out; 1.2 to 2 seconds live
  eng5_lower5_gpt51_low  A wins 4 of 10; 1 000 tokens in, 30 out; 1 to 2 seconds live

Mock settings: seed, latency_ms, latency_jitter_ms, latency_scale (0: no waiting), tokens_per_word, confidence_base,
confidence_jitter; of default also error_rate, error_codes, error_burst_rate, error_burst_length. All is told by GET
/admin/mock-mode, and explained in docs/emulator.md.

Example: huleedu emulator --profile eng5_anchor_gpt51_low --mock latency_scale=0.1 --prompt-cache 0.64
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(demo)
    app.command(help=EMULATOR_HELP)(emulator)
    app.command()(ui)
    app.command()(doctor)


def demo() -> None:
    """Judge the example batch with the local emulator and show its ranking. Costs nothing, whatever keys are set.

    Example: huleedu demo
    """
    from huleedu_pipeline.cli.batches import run
    from huleedu_pipeline.project_files import project_file
    from huleedu_pipeline.providers.emulator.launcher import stop_emulator
    from huleedu_pipeline.settings import Settings

    os.environ["HULEEDU_JUDGE_BACKEND"] = "emulator"
    try:
        run(project_file("examples/eng5-role-model"), wait=True)
    finally:
        stop_emulator(Settings.load().emulator_dir)


def emulator(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8377,
    profile: Annotated[EmulatorProfile, typer.Option(help="How it judges; see above.")] = "surface",
    latent_file: Annotated[Path | None, typer.Option(help="True locations, for the profile latent.")] = None,
    mock: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A setting of a mock profile; may be repeated.")
    ] = None,
    prompt_cache: Annotated[
        float | None,
        typer.Option(help="Simulate prompt caches: share of a batch job's requests that find what is cached.", min=0, max=1),
    ] = None,
    seconds_per_job: Annotated[float, typer.Option(help="How long a batch job takes, in seconds.", min=0.001)] = 3.0,
    faults: Annotated[Path | None, typer.Option(help="Script of faults to act out; see docs/emulator.md.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Where it keeps its jobs; default: under HULEEDU_HOME.")] = None,
) -> None:
    """Serve OpenAI's and Anthropic's wire formats locally, judging by a profile. Ends with Ctrl-C."""
    from huleedu_pipeline.providers.emulator.config import MockSettings, make_config
    from huleedu_pipeline.providers.emulator.server import serve
    from huleedu_pipeline.settings import Settings

    if (profile == "latent") != (latent_file is not None):
        raise typer.BadParameter("--latent-file belongs to --profile latent, and only to it")
    config = make_config(
        state_dir=state_dir or Settings.load().home / "emulator-by-hand",
        profile=profile,
        latent_file=latent_file,
        seconds_per_job=seconds_per_job,
        faults=faults,
        mock=MockSettings.parse(mock or ()),
        prompt_cache=prompt_cache,
    )

    def tell(base_url: str) -> None:
        typer.echo(
            f"SIMULATED judge '{profile}': OpenAI at {base_url}/v1, Anthropic at {base_url}, books at {base_url}/admin/ledger"
        )

    serve(config, port=port, on_ready=tell)


def ui(port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000) -> None:
    """Open the Dagster UI with its daemon: runs, sensors, the asset graph. Ends with Ctrl-C.

    With it running, a batch folder dropped into HULEEDU_HOME/inbox is judged by itself.

    Example: huleedu ui --port 3001
    """
    from huleedu_pipeline.orchestration.home import dagster_environment, open_instance
    from huleedu_pipeline.project_files import project_file
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    with open_instance(settings):
        pass
    typer.echo(f"Dagster at http://127.0.0.1:{port}; drop batch folders into {settings.inbox_dir}")
    workspace = str(project_file("workspace.yaml"))
    command = [sys.executable, "-m", "dagster", "dev", "-w", workspace, "-h", "127.0.0.1", "-p", str(port)]
    # This process becomes Dagster's, so that whoever ends it ends all of Dagster.
    os.execve(sys.executable, command, dagster_environment(settings))  # noqa: S606


def doctor() -> None:
    """Check this installation: versions, home, disk, ledger, the judge's reachability. Spends nothing.

    Example: huleedu doctor
    """
    from huleedu_pipeline.cli.doctor import examine
    from huleedu_pipeline.cli.output import print_findings

    print_findings(examine())
