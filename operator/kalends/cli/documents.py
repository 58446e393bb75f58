"""Text to documents, as kubectl reads YAML: each on its own, its values those of JSON, its keys text.

PyYAML follows YAML 1.1 to the letter, where ``12:30`` is 750 and ``2027-01-01`` is a date; kubectl takes both for text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from kalends.errors import KalendsError

Json = dict[str, Any]

_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)
DEEPEST = 100
"""How deep lists and objects nest: twice what a pod template needs."""
_INTEGERS = range(-(1 << 63), 1 << 64)
"""What the job store can write; JSON itself has no bounds."""


class _Loader(yaml.CSafeLoader):
    """YAML without dates and numbers to the base of sixty."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"timestamp", "int", "float"}]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


class _NotJson(KalendsError):
    """A value that JSON does not have."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document, or why it cannot be read."""

    value: Any = None
    problem: str | None = None


def documents(text: str) -> Iterator[Document]:
    """Yield the documents of a text, leaving out the empty ones. One that cannot be read does not hide the others."""
    starts = [0, *(found.start() for found in _DOCUMENT_START.finditer(text))]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        if any(line.strip() and not line.startswith(("#", "%")) for line in part.splitlines()):
            yield from _read(part, text.count("\n", 0, start))


def _read(text: str, lines_before: int) -> Iterator[Document]:
    try:
        _refuse_depths(text)
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                assert node is not None  # noqa: S101 - check_node has just said so
                _refuse_twins(node)
                value = as_json(loader.construct_document(node))
                if value is not None:
                    yield Document(value)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {lines_before + mark.line + 1}: " if mark is not None else ""
        yield Document(problem=f"{line}must be YAML or JSON: {error.problem or error.context}")
    except (yaml.YAMLError, _NotJson, ValueError) as error:
        yield Document(problem=f"must be YAML or JSON: {' '.join(str(error).split())}")
    except RecursionError:
        yield Document(problem="must be YAML or JSON: it holds itself")


def _refuse_depths(text: str) -> None:
    """Refuse what is nested so deeply that composing it would overflow the C stack, and end the interpreter."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise _NotJson(f"it is nested more than {DEEPEST} deep")


def _refuse_twins(root: yaml.Node) -> None:
    """Refuse a key that an object has twice: one of the two values would be lost without a word."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in keys and key.value != "<<":
                    raise yaml.MarkedYAMLError(problem=f"'{key.value}' is there twice", problem_mark=key.start_mark)
                keys.add(key.value if isinstance(key, yaml.ScalarNode) else "")
                waiting.append(value)


def as_json(value: Any, path: str = "") -> Any:
    """Return a value of YAML as JSON has it, with its keys as text.

    Raises:
        _NotJson: JSON has no such value; the message says where it stands.
    """
    match value:
        case None | bool() | str():
            return value
        case int() if value in _INTEGERS:
            return value
        case float() if math.isfinite(value):
            return value
        case list():
            return [as_json(item, f"{path}[{place}]") for place, item in enumerate(value)]
        case dict():
            return {(name := _key(key, path)): as_json(item, f"{path}.{name}") for key, item in value.items()}
        case _:
            at = path.removeprefix(".") or "the document"
            raise _NotJson(f"{at} must be a value that JSON has, got {type(value).__name__} {str(value)[:40]!r}")


def _key(key: Any, path: str) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case int() | float():
            return str(key)
        case _:
            raise _NotJson(f"keys of {path.removeprefix('.') or 'the document'} must be text, got {key!r}")
