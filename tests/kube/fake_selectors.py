"""Label and field selectors, as far as operators use them."""

import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
Matches = Callable[[Object], bool]

TERM = re.compile(
    r"\s*(?:(?P<absent>!\s*(?P<without>[\w./-]+))"
    r"|(?P<key>[\w./-]+)\s*(?:(?P<operator>==|=|!=)\s*(?P<value>[\w./-]*)"
    r"|(?P<within>in|notin)\s*\((?P<values>[^)]*)\))?)\s*(?:,|$)"
)


def everything(_: Object) -> bool:
    return True


def label_selector(text: str) -> Matches:
    terms = [_label_term(match) for match in _terms(text)]
    return lambda seen: all(term(seen["metadata"].get("labels") or {}) for term in terms)


def field_selector(text: str) -> Matches:
    terms = [re.split(r"(?<!\\)={1,2}", term, maxsplit=1) for term in re.split(r"(?<!\\),", text)]

    def matches(seen: Object) -> bool:
        for path, wanted in terms:
            found: Any = seen
            for word in path.split("."):
                found = found.get(word) if isinstance(found, dict) else None
            if str(found) != re.sub(r"\\(.)", r"\1", wanted):
                return False
        return True

    return matches


def _terms(text: str) -> list[re.Match[str]]:
    matches = list(TERM.finditer(text))
    if "".join(match.group(0) for match in matches) != text:
        raise ValueError(f"unable to parse selector {text!r}")
    return [match for match in matches if match.group(0)]


def _label_term(match: re.Match[str]) -> Callable[[dict[str, str]], bool]:
    if match["absent"]:
        return lambda labels: match["without"] not in labels
    key, operator, value = match["key"], match["operator"], match["value"]
    if match["within"]:
        values = {word.strip() for word in match["values"].split(",")}
        if match["within"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    if operator:
        return lambda labels: labels.get(key) == value
    return lambda labels: key in labels
