"""A document of headings, paragraphs and tables, written as Markdown and as one HTML file that needs nothing else.

Whatever is put in is text: neither form can be broken, or made to run, by what a judge has written. Not here: what a
document says.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}"
    "table{border-collapse:collapse;margin:1rem 0;font-variant-numeric:tabular-nums}"
    "th,td{border:1px solid #ccc;padding:.3rem .6rem;text-align:left;vertical-align:top}th{background:#f2f2f2}"
    ".notice{border:2px solid #b00020;padding:.8rem 1rem;font-weight:600}"
)


@dataclass(frozen=True)
class Heading:
    """The title of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Some sentences; ``is_notice`` for what nobody may overlook."""

    text: str
    is_notice: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells under their columns' names."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]


Block = Heading | Paragraph | Table


@dataclass(frozen=True)
class Document:
    """A title and what follows it."""

    title: str
    blocks: Sequence[Block]


def as_markdown(document: Document) -> str:
    """Return the document as Markdown."""
    return "\n\n".join([f"# {_plain(document.title)}", *(_markdown(block) for block in document.blocks)]) + "\n"


def as_html(document: Document) -> str:
    """Return the document as a whole HTML page."""
    body = "\n".join(_html(block) for block in document.blocks)
    title = html.escape(document.title)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n<style>{STYLE}</style>\n'
        f"</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def _markdown(block: Block) -> str:
    if isinstance(block, Heading):
        return f"## {_plain(block.text)}"
    if isinstance(block, Paragraph):
        return f"> **{_plain(block.text)}**" if block.is_notice else _plain(block.text)
    lines = [block.columns, ["---"] * len(block.columns), *block.rows]
    return "\n".join("| " + " | ".join(cell if cell == "---" else _plain(cell) for cell in line) + " |" for line in lines)


def _plain(text: str) -> str:
    """Return text on one line in which nothing is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>|~])", r"\\\1", " ".join(text.split()))


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h2>{html.escape(block.text)}</h2>"
    if isinstance(block, Paragraph):
        opening = '<p class="notice">' if block.is_notice else "<p>"
        return f"{opening}{html.escape(block.text)}</p>"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in block.columns)
    rows = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in block.rows)
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
