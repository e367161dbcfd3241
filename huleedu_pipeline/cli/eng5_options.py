"""The options of the ENG5 runner, each declared once: what a run asks for in place of what its ``batch.yaml`` says.

``preflight``, ``plan``, ``dry-run`` and ``execute`` take all of :class:`RequestOptions`; ``anchor-align`` shares those that
make sense there. Not here: which values are valid, which is the specification's and the manifest's to say.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from huleedu_pipeline.cli.batches import Mode

if TYPE_CHECKING:
    from huleedu_pipeline.essays.overrides import Overrides
    from huleedu_pipeline.essays.spec import BatchSpec

ProviderOption = Annotated[Literal["openai", "anthropic"] | None, typer.Option(help="Ask this provider instead.")]
ModelOption = Annotated[str | None, typer.Option(help="Ask this model instead, as in `huleedu models list`.")]
TemperatureOption = Annotated[float | None, typer.Option(help="Sampling temperature; 0 means 0.", min=0, max=2)]
MaxTokensOption = Annotated[int | None, typer.Option(help="Most tokens of a reply.", min=64)]
EffortOption = Annotated[Literal["none", "low", "medium", "high"] | None, typer.Option(help="How much the model thinks first.")]
VerbosityOption = Annotated[Literal["low", "medium", "high"] | None, typer.Option(help="How long the model answers.")]
ModeOption = Annotated[Mode | None, typer.Option(help="How the judge is asked.")]
SystemPromptOption = Annotated[
    Path | None, typer.Option(help="File with what the judge is told first, in place of the template's words.")
]
RubricOption = Annotated[Path | None, typer.Option(help="File with other criteria; not for a national test's assignment.")]
MaxCostOption = Annotated[
    float | None, typer.Option(help="Most that the run may cost, in USD; nothing is sent beyond it.", min=0)
]


@dataclass(frozen=True)
class RequestOptions:
    """What a run asks for where it is not what ``batch.yaml`` says; ``None`` leaves a value as it is."""

    batch_id: Annotated[str | None, typer.Option(help="Name of the run; another name asks the same questions once more.")] = (
        None
    )
    assignment_id: Annotated[
        str | None, typer.Option(help="Registered assignment that prompt, criteria, scale and anchors come from.")
    ] = None
    course_id: Annotated[str | None, typer.Option(help="Id of the course, which is kept with the run.")] = None
    expected_grade_scale: Annotated[
        str | None,
        typer.Option(
            "--expected-grade-scale", "--grade-scale", help="Refuse to go on if the run's grade scale is another one."
        ),
    ] = None
    max_comparisons: Annotated[int | None, typer.Option(help="Most comparisons to pay for.", min=1)] = None
    llm_provider: ProviderOption = None
    llm_model: ModelOption = None
    llm_temperature: TemperatureOption = None
    llm_max_tokens: MaxTokensOption = None
    reasoning_effort: EffortOption = None
    output_verbosity: VerbosityOption = None
    llm_batching_mode: ModeOption = None
    system_prompt: SystemPromptOption = None
    rubric: RubricOption = None
    max_cost_usd: MaxCostOption = None
    seed: Annotated[int | None, typer.Option(help="Seed of the choice of pairs and of who is shown first.", min=0)] = None

    def overrides(self) -> "Overrides":
        """Return these values as they stand in for those of a ``batch.yaml``.

        Raises:
            IntakeError: a file that is named can not be used.

        """
        from huleedu_pipeline.essays.overrides import Overrides

        mode = None if self.llm_batching_mode is None else self.llm_batching_mode.value
        named = ("batch_id", "assignment_id", "course_id", "max_comparisons", "max_cost_usd", "seed")
        of_the_batch = {name: getattr(self, name) for name in named} | {"llm_batching_mode": mode}
        judge = {
            "provider": self.llm_provider,
            "model": self.llm_model,
            "temperature": self.llm_temperature,
            "max_output_tokens": self.llm_max_tokens,
            "reasoning_effort": self.reasoning_effort,
            "output_verbosity": self.output_verbosity,
            "system_prompt": None if self.system_prompt is None else text_of(self.system_prompt, "--system-prompt"),
            "rubric": None if self.rubric is None else text_of(self.rubric, "--rubric"),
        }
        return Overrides(given(of_the_batch), given(judge))

    def other_scale(self, spec: "BatchSpec") -> str | None:
        """Return what is wrong when a batch's grade scale, its own or its assignment's, is not the one that is expected."""
        if self.expected_grade_scale in (None, spec.grade_scale):
            return None
        return (
            f"batch {spec.batch_id}: its grade scale is {spec.grade_scale or 'none'}, and {self.expected_grade_scale} is "
            "expected (correct grade_scale in batch.yaml, assignment_id, or --expected-grade-scale)"
        )


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that are not ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def text_of(path: Path, option: str) -> str:
    """Return the text of a file that an option names.

    Raises:
        IntakeError: it can not be read, or is empty.

    """
    from huleedu_pipeline.essays.batch import IntakeError
    from huleedu_pipeline.essays.folder_files import read_text_file

    problems: list[str] = []
    text = read_text_file(path, str(path), problems)
    if problems:
        raise IntakeError(option, problems)
    return text


def with_request_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes an option for each field of :class:`RequestOptions` in place of its argument ``asked``."""

    def called(**values: Any) -> None:
        asked = RequestOptions(**{one.name: values.pop(one.name) for one in fields(RequestOptions)})
        command(**values, asked=asked)

    own = [one for one in inspect.signature(command).parameters.values() if one.name != "asked"]
    declared = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=one.type)
        for one in fields(RequestOptions)
    ]
    arguments = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    n_required = sum(one.default is inspect.Parameter.empty for one in own)
    parameters = [*arguments[:n_required], *declared, *arguments[n_required:]]
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called
