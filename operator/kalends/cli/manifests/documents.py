"""Text to documents, as kubectl reads YAML: each on its own, its values those of JSON, its keys text.

PyYAML follows YAML 1.1 to the letter, where ``12:30`` is 750, ``2027-01-01`` is a date and ``08`` is text; kubectl
takes the first two for text, and the last for 8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from kalends.cli.manifests.aliases import MOST_EXPANDED, ContainsItself, expansion
from kalends.errors import KalendsError
from kalends.model.size_limits import DEEPEST

Json = dict[str, Any]

_DOCUMENT_START = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_TEXT = "tag:yaml.org,2002:str"
_NAMEABLE = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool")}
_FLOATS_WRITTEN_OUT = 1 << 63
_INTEGERS = range(-(1 << 63), 1 << 64)
"""What the job store can write; JSON itself has no bounds."""
_UNQUOTED = re.compile(r"(?:^|[:\[{,-]\s+|[\[{,])([*@%])")
"""Where a value begins, and then with a character that has a meaning of its own in YAML."""
_TEMPLATE = "{{"


class _Loader(yaml.CSafeLoader):
    """YAML without dates and numbers to the base of sixty."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in {"timestamp", "int", "float"}]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_INTEGER = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_LONGEST_NUMBER = 100
"""Characters: more than any number of 64 bits has, however it is written."""

_Loader.add_implicit_resolver(
    _INTEGER,
    re.compile(r"[-+]?(?:0[bB][01][01_]*|0[oO][0-7][0-7_]*|0[xX][0-9a-fA-F][0-9a-fA-F_]*|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        # Digits that begin with 0 are octal; with an 8 or a 9 among them they are decimal nevertheless.
        r"[-+]?(?:0[0-9]*[89][0-9]*|(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?)$"
        r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """Read a number as Go's ``strconv.ParseInt`` does with base 0, which is what kubectl asks."""
    digits = str(loader.construct_scalar(node)).replace("_", "")
    if len(digits) > _LONGEST_NUMBER:
        raise _NotJson(f"a number must have at most 64 bits, got one of {len(digits)} characters")
    is_octal = re.fullmatch("[-+]?0[0-7]+", digits) is not None
    return int(digits, 8 if is_octal else 0)


def _fraction(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    if len(text) > _LONGEST_NUMBER:
        raise _NotJson(f"a number must have at most {_LONGEST_NUMBER} characters, got one of {len(text)} characters")
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor(_INTEGER, _integer)
_Loader.add_constructor(_FLOAT, _fraction)


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
                _refuse_expansion(node)
                _name_keys(loader, node)
                value = as_json(loader.construct_document(node))
                if value is not None:
                    yield Document(value)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {lines_before + mark.line + 1}: " if mark is not None else ""
        yield Document(
            problem=f"{line}must be YAML or JSON: {_advice_on(text, mark) or error.problem or error.context}"
        )
    except (yaml.YAMLError, _NotJson, ValueError) as error:
        yield Document(problem=f"must be YAML or JSON: {' '.join(str(error).split())}")


def _refuse_expansion(root: yaml.Node) -> None:
    """Refuse what aliases would make too large, before they are followed, and what is part of itself."""
    try:
        expanded = expansion(root)
    except ContainsItself:
        raise _NotJson("it holds itself") from None
    if expanded > MOST_EXPANDED:
        raise _NotJson(f"its aliases must stand for at most {MOST_EXPANDED} values, got {expanded:.3g}")


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


def _name_keys(loader: _Loader, root: yaml.Node) -> None:
    """Make every key text, and refuse one that an object has twice: one of its values would be lost without a word."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            node.value = [(_named(loader, key), value) for key, value in node.value]
            names: set[str] = set()
            for key, value in node.value:
                if key.tag == _TEXT and key.value in names:
                    raise yaml.MarkedYAMLError(problem=f"'{key.value}' is there twice", problem_mark=key.start_mark)
                if key.tag == _TEXT:
                    names.add(key.value)
                waiting.append(value)


def _named(loader: _Loader, key: yaml.Node) -> yaml.Node:
    """Return a key as kubectl would name it: ``1`` and ``true`` become text."""
    if not isinstance(key, yaml.ScalarNode) or key.tag not in _NAMEABLE:
        return key
    value = loader.construct_object(key)
    name = str(value).lower() if isinstance(value, bool) else str(value)
    return yaml.ScalarNode(_TEXT, name, key.start_mark, key.end_mark)


def as_json(value: Any, path: str = "") -> Any:
    """Return a value of YAML as JSON has it.

    Raises:
        _NotJson: JSON has no such value; the message says where it stands.
    """
    match value:
        case None | bool() | str():
            return value
        case int() if value in _INTEGERS:
            return value
        case float() if math.isfinite(value):
            # JSON has a single type of numbers: kubectl sends 1e3 and 8.0 as 1000 and 8.
            return int(value) if value.is_integer() and abs(value) < _FLOATS_WRITTEN_OUT else value
        case int():
            raise _NotJson(f"{_place(path)} must be a number of at most 64 bits, got {str(value)[:40]}")
        case list():
            return [as_json(item, f"{path}[{place}]") for place, item in enumerate(value)]
        case dict():
            if odd := [key for key in value if not isinstance(key, str)]:
                raise _NotJson(f"keys of {_place(path)} must be text, got {odd[0]!r}")
            return {key: as_json(item, f"{path}.{key}") for key, item in value.items()}
        case _:
            raise _NotJson(
                f"{_place(path)} must be a value that JSON has, got {type(value).__name__} {str(value)[:40]!r}"
            )


def _place(path: str) -> str:
    return path.removeprefix(".") or "the document"


def _advice_on(text: str, mark: yaml.Mark | None) -> str:
    """Return what is probably wrong where a parser stopped, or nothing."""
    if mark is None:
        return ""
    # The parser stops in the line that is wrong, or in the next.
    near = text.splitlines()[max(0, mark.line - 1) : mark.line + 1]
    if any(_TEMPLATE in line for line in near):
        return "a Helm template must be rendered first, as in `helm template CHART | kalends validate -`"
    found = next((found for line in reversed(near) if (found := _UNQUOTED.search(line))), None)
    return f"a value that begins with {found[1]} must be in quotes" if found is not None else ""
