"""The simulated judges: who wins a pair of texts, how surely, and in what words.

Here: the ``Profile`` protocol, its two implementations and the loading of the latent file. Not here: reading a prompt
(``reading``) and writing the verdict as a model's reply (``judging``). Both judges are deterministic: their only noise
is the seed that they are handed.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from .config import EmulatorConfig
from .errors import EmulatorError
from .surface import FEATURES, score

Winner = Literal["Essay A", "Essay B"]

SURFACE_SLOPE = 1.8  # log-odds per point of difference in surface score
SURFACE_POSITION_EFFECT = 0.15  # log-odds in favour of the essay shown first
DECISIVE_PART = 0.02  # a feature that moved the score by less is not named as the reason

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class SimulatedVerdict:
    """A verdict: ``confidence`` runs from 1 (a coin toss) to 5, in tenths; ``justification`` is one short sentence."""

    winner: Winner
    confidence: float
    justification: str


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

    def probability_a(self, text_a: str, text_b: str) -> float:
        """Return the probability that the first text is preferred. Raises UnknownTextError."""
        ...

    def judge(self, text_a: str, text_b: str, seed: bytes) -> SimulatedVerdict:
        """Return the verdict on two texts in the order shown; the same seed gives the same verdict.

        Raises UnknownTextError when the judge does not know one of the texts.
        """
        ...


def logistic(log_odds: float) -> float:
    """Return the probability with these log-odds, without overflow at either end."""
    if log_odds >= 0:
        return 1 / (1 + math.exp(-log_odds))
    odds = math.exp(log_odds)
    return odds / (1 + odds)


def uniform_from(seed: bytes) -> float:
    """Return a number in [0, 1) drawn from the SHA-256 of ``seed``: the same on every machine and in every process."""
    return int.from_bytes(hashlib.sha256(seed).digest()[:6], "big") / 2**48


def confidence_in(probability_a: float) -> float:
    """Map the distance of a probability from one half to 1 (none) .. 5 (certain), in tenths."""
    return round(1 + 8 * abs(probability_a - 0.5), 1)


def text_key(text: str) -> str:
    """Return the hex SHA-256 by which a latent file knows a text: NFC, line-feed line ends, stripped, UTF-8."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _winner(probability_a: float, seed: bytes) -> Winner:
    return "Essay A" if uniform_from(seed) < probability_a else "Essay B"


class SurfaceProfile:
    """Judges by surface features; needs no knowledge of the texts."""

    name = "surface"

    def probability_a(self, text_a: str, text_b: str) -> float:
        """Return the probability that the first text is preferred."""
        return logistic(SURFACE_SLOPE * (score(text_a).total - score(text_b).total) + SURFACE_POSITION_EFFECT)

    def judge(self, text_a: str, text_b: str, seed: bytes) -> SimulatedVerdict:
        """Return the verdict on two texts; see :class:`Profile`."""
        probability_a = self.probability_a(text_a, text_b)
        winner = _winner(probability_a, seed)
        better, other = (text_a, text_b) if winner == "Essay A" else (text_b, text_a)
        return SimulatedVerdict(winner, confidence_in(probability_a), _surface_reason(winner, better, other))


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


class LatentProfile:
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

    def judge(self, text_a: str, text_b: str, seed: bytes) -> SimulatedVerdict:
        """Return the verdict on two texts; see :class:`Profile`."""
        probability_a = self.probability_a(text_a, text_b)
        winner = _winner(probability_a, seed)
        reason = f"{winner} makes the stronger impression as a whole."
        return SimulatedVerdict(winner, confidence_in(probability_a), reason)


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
    if config.latent_file is None:
        return SurfaceProfile()
    return LatentProfile(read_latent_file(config.latent_file))


def profile_fingerprint(config: EmulatorConfig) -> str:
    """Return a string that differs whenever the judge would: the profile's name, and the SHA-256 of a latent file.

    Raises EmulatorError when the latent file cannot be read.
    """
    if config.latent_file is None:
        return config.profile
    try:
        content = config.latent_file.read_bytes()
    except OSError as problem:
        raise EmulatorError(f"latent file {config.latent_file}: cannot be read ({problem.strerror})") from problem
    return f"{config.profile}:{hashlib.sha256(content).hexdigest()}"
