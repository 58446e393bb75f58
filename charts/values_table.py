"""Writes the table of values in the chart's README from the comments in its values.yaml.

A comment right above a value is its text. A line that begins with two hashes begins a section. A mapping any of whose
members has a comment is a group: its members have rows, it has none.

    python charts/values_table.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "kalends"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"
SECTION = "## "


@dataclass(frozen=True, slots=True)
class Value:
    """One row."""

    section: str
    path: str
    default: Any
    text: str


def values_of(source: str) -> Iterator[Value]:
    """Yield the values of a values.yaml, in its order."""
    root = yaml.compose(source, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("values.yaml must hold a mapping")
    lines = source.splitlines()
    for path, key, node in _leaves(root, lines, ""):
        default = yaml.SafeLoader("").construct_document(node)
        yield Value(_section(lines, key.start_mark.line), path, default, _comment(lines, key.start_mark.line))


def _leaves(node: yaml.MappingNode, lines: list[str], path: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    for key, value in node.value:
        here = f"{path}.{key.value}" if path else key.value
        if isinstance(value, yaml.MappingNode) and _is_group(value, lines):
            yield from _leaves(value, lines, here)
        else:
            yield here, key, value


def _is_group(node: yaml.MappingNode, lines: list[str]) -> bool:
    return not node.flow_style and any(_comment(lines, key.start_mark.line) for key, _ in node.value)


def _comment(lines: list[str], line: int) -> str:
    """Return the comment right above a line, or nothing."""
    words: list[str] = []
    while line > 0 and (found := re.fullmatch(r" *# (.*)", lines[line - 1])):
        words.insert(0, found[1])
        line -= 1
    return " ".join(words)


def _section(lines: list[str], line: int) -> str:
    return next(text.removeprefix(SECTION) for text in reversed(lines[:line]) if text.startswith(SECTION))


def table(source: str) -> str:
    """Return the Markdown: a heading and a table for each section."""
    text, section = "", ""
    for value in values_of(source):
        if value.section != section:
            section = value.section
            text += f"\n### {section}\n\n| value | default | meaning |\n| --- | --- | --- |\n"
        default = json.dumps(value.default, ensure_ascii=False)
        text += f"| `{value.path}` | `{default}` | {value.text} |\n"
    return text.lstrip("\n")


def with_table(readme: str, source: str) -> str:
    """Return a README with the table between its two marks."""
    head, _, rest = readme.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table(source)}\n{END}{tail}"


if __name__ == "__main__":
    file = CHART / "README.md"
    file.write_text(with_table(file.read_text(), (CHART / "values.yaml").read_text()))
