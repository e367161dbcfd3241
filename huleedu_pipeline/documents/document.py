"""What is read out of a document, the error that refuses one, and how much a document may hold.

Not here: how any kind of document is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from huleedu_pipeline.errors import HuleeduError

MAX_BYTES = 20_000_000  # of a file; an essay with photographs in it has a few million
MAX_PROPERTY_CHARACTERS = 200


class DocumentError(HuleeduError):
    """A file that is not a usable document; the message says what and the remedy, the caller adds the file's name."""


@dataclass(frozen=True)
class Content:
    """What a reader of one kind finds: paragraphs in reading order, what it left out, and the document's properties.

    ``text`` is set where the layout between paragraphs is part of the text, as in plain text; else they are joined by a
    blank line.
    """

    paragraphs: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True)
class Document:
    r"""A document that was read.

    Attributes:
        text: All of it, as a judge would see it, in NFC and with ``\n`` line ends.
        paragraphs: The same, paragraph by paragraph.
        kind: What it is: the ending that its name should have, without the dot.
        warnings: One sentence for each thing that was left out or guessed.
        properties: ``author`` and ``title`` where the document says them; never shown to a judge.
        sha256: Of the original bytes, in hexadecimal.

    """

    text: str
    paragraphs: tuple[str, ...]
    kind: str
    sha256: str
    warnings: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_words(self) -> int:
        """Number of words, separated by white space."""
        return len(self.text.split())


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 comment`` or ``3 comments``."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def left_out(found: Mapping[str, int]) -> tuple[str, ...]:
    """Return one sentence for each thing (in the singular) that was found and left out."""
    return tuple(f"{counted(n, what)} left out" for what, n in found.items() if n)


def properties(**values: str | None) -> Mapping[str, str]:
    """Return the properties that say something, on one line and not too long."""
    whole = {name: (value or "").encode(errors="replace").decode() for name, value in values.items()}
    short = {name: " ".join(value.split())[:MAX_PROPERTY_CHARACTERS] for name, value in whole.items()}
    return {name: value for name, value in short.items() if value}
