"""Values that stand in for those of a ``batch.yaml``: how the options of one run become part of what is asked.

They are written into the text of ``batch.yaml`` before it is read, so that they are checked like everything in it, and what is
registered, stored and put into the inbox is the request as it was asked. Not here: the options themselves (the command
line), and which values are valid (:mod:`.spec`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from huleedu_pipeline.essays.strict_yaml import load_fields
from huleedu_pipeline.judging.spec import JudgeSettings

# What is said of one provider's model does not fit another's.
OF_ONE_PROVIDER = ("model", "is_unlisted_model", "temperature", "reasoning_effort", "output_verbosity", "api", "service_tier")


@dataclass(frozen=True)
class Overrides:
    """Values by the field of ``batch.yaml``, and by the field under ``judge``; a field that is not named stays as it is.

    Another provider brings its own defaults: what ``batch.yaml`` says of the other one's model does not go with it.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    judge: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return bool(self.fields or self.judge)

    def applied(self, text: str, place: str) -> str:
        """Return the text of a ``batch.yaml`` with these values in it; what is not changed keeps its value.

        Args:
            text: The text of the file.
            place: How messages call the file.

        Raises:
            YamlError: the text holds no fields.

        """
        if not self:
            return text
        values = load_fields(text, place) | dict(self.fields)
        stands = values.get("judge") or {}
        # What is no list of fields stays, for the specification to refuse.
        if self.judge and isinstance(stands, dict):
            provider = JudgeSettings.model_fields["provider"].default
            if self.judge.get("provider", stands.get("provider", provider)) != stands.get("provider", provider):
                stands = {name: value for name, value in stands.items() if name not in OF_ONE_PROVIDER}
            values["judge"] = stands | dict(self.judge)
        return yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


NO_OVERRIDES = Overrides()
