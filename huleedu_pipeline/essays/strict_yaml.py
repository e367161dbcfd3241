"""YAML files that people write: fields with values, read without losing or guessing anything."""

from collections.abc import Iterator
from typing import Any

import yaml

from huleedu_pipeline.errors import HuleeduError


class YamlError(HuleeduError):
    """A YAML file that holds no fields, or holds them in a way that loses one."""


def load_fields(text: str, place: str) -> dict[str, Any]:
    """Return the fields of a YAML file; an empty one has none.

    Args:
        text: The file's text.
        place: How messages call the file.

    Raises:
        YamlError: the YAML is broken, a key stands there twice, or it is no list of fields.

    """
    try:
        data = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise YamlError(f"{place}: not valid YAML: {' '.join(str(error).split())} (mend the file)") from None
    if data is None:
        return {}
    if any("\ud800" <= character <= "\udfff" for part in _strings(data) for character in part):
        raise YamlError(f"{place}: holds half of a character (\\ud800-\\udfff), which no file can store (remove it)")
    if not isinstance(data, dict):
        raise YamlError(f"{place}: holds a {type(data).__name__}, not fields with values (write 'field: value' lines)")
    return data


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key that is written twice is an error: one of the two values would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping; raises a YAML error that names the repeated key and its line."""
        seen = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                problem = f"key '{key_node.value}' stands there twice (remove one)"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
