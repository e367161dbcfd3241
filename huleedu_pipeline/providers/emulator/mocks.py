"""The mock profiles: judges that never look at the essays, with known shares of winners, token counts and latencies.

They rehearse the machinery with the proportions of recorded runs of real judges; their rankings mean nothing. Here: the
profiles as data, and the judge that follows them. Not here: their settings (``config``), their errors (``mock_errors``) and
the judges that look at the texts (``profiles``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from .config import MockSettings
from .draws import draw
from .reading import ModelRequest, to_bytes
from .tokens import TokenCounter
from .verdicts import MAX_CONFIDENCE, MIN_CONFIDENCE, SimulatedVerdict, Winner, probability_behind


@dataclass(frozen=True)
class MockRule:
    """One profile: Essay A wins ``a_wins`` out of ``of`` prompts; floors of tokens; latency when none is set."""

    a_wins: int
    of: int
    least_input_tokens: int = 0
    least_output_tokens: int = 0
    latency_ms: float = 0.0
    latency_jitter_ms: float = 0.0


# The shares and floors of the ENG5 profiles are those of two recorded runs of GPT-5.1 with low effort: 35 of 66 and 4 of 10.
MOCK_RULES = {
    "default": MockRule(1, 2),
    "cj_generic_batch": MockRule(1, 1, least_input_tokens=5, least_output_tokens=17),
    "eng5_anchor_gpt51_low": MockRule(35, 66, 1100, 40, latency_ms=1200, latency_jitter_ms=800),
    "eng5_lower5_gpt51_low": MockRule(4, 10, 1000, 30, latency_ms=1000, latency_jitter_ms=1000),
}

# Each says what it is, because justifications are read beside those of real judges.
_REASONS = (
    "Mock verdict: {winner} is named by the profile's rule; nobody has read the essays.",
    "Mock verdict: the rule of the profile prefers {winner} whatever the two texts say.",
    "Mock verdict for a rehearsal: {winner} wins here by arithmetic on the prompt alone.",
    "Mock verdict: {winner} was chosen without a single look at content, structure or language.",
    "Mock verdict: this sentence stands where a judge would praise {winner} for its text.",
)


class MockProfile:
    """Judges by a rule on the SHA-256 of the prompt.

    The first 8 hexadecimal digits, as a number modulo ``of``, are below ``a_wins`` where Essay A wins; the next 4 choose the
    sentence. Confidence and latency are drawn from the seed and the request (system text, prompt, model).
    """

    def __init__(self, name: str, settings: MockSettings) -> None:
        self.name = name
        self._rule = MOCK_RULES[name]
        self._settings = settings
        self.tokens = TokenCounter(settings.tokens_per_word, self._rule.least_input_tokens, self._rule.least_output_tokens)

    def judge(self, _text_a: str, _text_b: str, request: ModelRequest) -> SimulatedVerdict:
        """Return the verdict on a prompt, whatever the two texts are."""
        digits = hashlib.sha256(to_bytes(request.user)).hexdigest()
        winner: Winner = "Essay A" if int(digits[:8], 16) % self._rule.of < self._rule.a_wins else "Essay B"
        reason = _REASONS[int(digits[8:12], 16) % len(_REASONS)].format(winner=winner)
        confidence = self._confidence(request)
        probability = probability_behind(confidence)
        return SimulatedVerdict(winner, confidence, reason, probability if winner == "Essay A" else 1 - probability)

    def latency_ms(self, request: ModelRequest) -> float:
        """Return how long the judge thinks about a live request, in milliseconds, before it is scaled."""
        settings, rule = self._settings, self._rule
        is_set = settings.latency_ms > 0 or settings.latency_jitter_ms > 0
        base, jitter = (
            (settings.latency_ms, settings.latency_jitter_ms) if is_set else (rule.latency_ms, rule.latency_jitter_ms)
        )
        return base + jitter * draw(settings.seed, "latency", request.seed)

    def _confidence(self, request: ModelRequest) -> float:
        settings = self._settings
        swing = (2 * draw(settings.seed, "confidence", request.seed) - 1) * settings.confidence_jitter
        return round(min(MAX_CONFIDENCE, max(MIN_CONFIDENCE, settings.confidence_base + swing)), 1)
