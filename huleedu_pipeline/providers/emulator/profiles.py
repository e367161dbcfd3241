"""The simulated judges: who wins a pair of texts, how surely, and in what words.

Here: the ``Profile`` protocol, the two judges that look at the texts, and the choice of a judge. Not here: the judges that do
not (``mocks``), reading a prompt (``reading``) and writing the verdict as a model's reply (``judging``). All judges are
deterministic: their only noise is drawn from the request.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from .config import MOCK_NAMES, EmulatorConfig
from .draws import uniform_from
from .errors import EmulatorError
from .mocks import MockProfile
from .reading import ModelRequest
from .surface import FEATURES, score
from .tokens import TokenCounter
from .verdicts import SimulatedVerdict, Winner, confidence_in

SURFACE_SLOPE = 1.8  # log-odds per point of difference in surface score
SURFACE_POSITION_EFFECT = 0.15  # log-odds in favour of the essay shown first
DECISIVE_PART = 0.02  # a feature that moved the score by less is not named as the reason

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class UnknownTextError(ValueError):
    """The latent file holds no value for a text; ``sha256`` says for which."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"The latent file of this emulator holds no theta for the text with sha256 {sha256}.")
        self.sha256 = sha256


class Profile(Protocol):
    """A simulated judge."""

    @property
    def name(self) -> str:
        """The name by which the judge is chosen and reported."""
        ...

    @property
    def tokens(self) -> TokenCounter:
        """How the judge counts tokens."""
        ...

    def judge(self, text_a: str, text_b: str, request: ModelRequest) -> SimulatedVerdict:
        """Return the verdict on two texts in the order shown; the same request gives the same verdict.

        Raises UnknownTextError when the judge does not know one of the texts.
        """
        ...

    def latency_ms(self, request: ModelRequest) -> float:
        """Return how long the judge thinks about a live request, in milliseconds."""
        ...


def logistic(log_odds: float) -> float:
    """Return the probability with these log-odds, without overflow at either end."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def text_key(text: str) -> str:
    """Return the hex SHA-256 by which a latent file knows a text: NFC, line-feed line ends, stripped, UTF-8."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


class ReadingJudge:
    """What the judges that look at the texts have in common: they count tokens by bytes, and take no time over it."""

    tokens = TokenCounter()

    def latency_ms(self, _request: ModelRequest, /) -> float:
        """Return how long the judge thinks about a live request, in milliseconds: not at all."""
        return 0.0


def _winner(probability_a: float, request: ModelRequest) -> Winner:
    return "Essay A" if uniform_from(request.seed) < probability_a else "Essay B"


class SurfaceProfile(ReadingJudge):
    """Judges by surface features; needs no knowledge of the texts."""

    name = "surface"

    def probability_a(self, text_a: str, text_b: str) -> float:
        """Return the probability that the first text is preferred."""
        return logistic(SURFACE_SLOPE * (score(text_a).total - score(text_b).total) + SURFACE_POSITION_EFFECT)

    def judge(self, text_a: str, text_b: str, request: ModelRequest) -> SimulatedVerdict:
        """Return the verdict on two texts; see :class:`Profile`."""
        probability_a = self.probability_a(text_a, text_b)
        winner = _winner(probability_a, request)
        better, other = (text_a, text_b) if winner == "Essay A" else (text_b, text_a)
        return SimulatedVerdict(winner, confidence_in(probability_a), _surface_reason(winner, better, other), probability_a)


def _surface_reason(winner: Winner, better: str, other: str) -> str:
    parts, other_parts = score(better).parts, score(other).parts
    gains = sorted(((parts[name] - other_parts[name], name) for name in FEATURES), reverse=True)
    praises = [FEATURES[name].praise for gain, name in gains if gain >= DECISIVE_PART]
    if not praises:
        return f"The essays are close on the surface; {winner} leaves the slightly better impression."
    return f"{winner} {' and '.join(praises[:2])}."


class LatentFile(BaseModel):
    """The latent file: θ (log-odds scale) by text key, the advantage of the first place, and the share of lapses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    theta: dict[Sha256Hex, FiniteFloat]
    position_effect: FiniteFloat = 0.0
    lapse_rate: float = Field(default=0.0, ge=0, le=1)


class LatentProfile(ReadingJudge):
    """Judges by known latent values: a Bradley–Terry judge with a position effect and lapses of attention."""

    name = "latent"

    def __init__(self, latent: LatentFile) -> None:
        self._latent = latent

    def _theta(self, text: str) -> float:
        key = text_key(text)
        if key not in self._latent.theta:
            raise UnknownTextError(key)
        return self._latent.theta[key]

    def probability_a(self, text_a: str, text_b: str) -> float:
        """Return the probability that the first text is preferred. Raises UnknownTextError."""
        log_odds = self._theta(text_a) - self._theta(text_b) + self._latent.position_effect
        return (1 - self._latent.lapse_rate) * logistic(log_odds) + self._latent.lapse_rate / 2

    def judge(self, text_a: str, text_b: str, request: ModelRequest) -> SimulatedVerdict:
        """Return the verdict on two texts; see :class:`Profile`."""
        probability_a = self.probability_a(text_a, text_b)
        winner = _winner(probability_a, request)
        reason = f"{winner} makes the stronger impression as a whole."
        return SimulatedVerdict(winner, confidence_in(probability_a), reason, probability_a)


def read_latent_file(path: Path) -> LatentFile:
    """Read and check a latent file. Raises EmulatorError when it is missing or not as documented."""
    try:
        return LatentFile.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise EmulatorError(f"latent file {path}: cannot be read ({problem.strerror})") from problem
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file"
        raise EmulatorError(f"latent file {path}: {place}: {first['msg']}") from problem


def load_profile(config: EmulatorConfig) -> Profile:
    """Return the judge that ``config`` names. Raises EmulatorError when its latent file is unusable."""
    if config.latent_file is not None:
        return LatentProfile(read_latent_file(config.latent_file))
    if config.profile in MOCK_NAMES:
        return MockProfile(config.profile, config.mock)
    return SurfaceProfile()


def profile_fingerprint(config: EmulatorConfig) -> str:
    """Return a string that differs whenever a verdict or its tokens would: profile, latent file, mock settings, cache.

    Raises EmulatorError when the latent file cannot be read.
    """
    parts = [config.profile, *config.mock.words()]
    if config.prompt_cache is not None:
        parts.append(f"prompt_cache={config.prompt_cache:g}")
    if config.latent_file is not None:
        try:
            content = config.latent_file.read_bytes()
        except OSError as problem:
            raise EmulatorError(f"latent file {config.latent_file}: cannot be read ({problem.strerror})") from problem
        parts.append(hashlib.sha256(content).hexdigest())
    return ":".join(parts)
