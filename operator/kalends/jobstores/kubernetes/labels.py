"""Label selectors as the API server reads them, for objects that were read by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from kalends.errors import InvalidSettings

Requirement = Callable[[Mapping[str, str]], bool]

_KEY = r"[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_NUMBER = r"[+-]?[0-9]{1,18}"
_VALUES = rf"\s*{_VALUE}\s*(,\s*{_VALUE}\s*)*"
_REQUIREMENT = re.compile(
    rf"\s*(!\s*(?P<absent>{_KEY})"
    rf"|(?P<key>{_KEY})(\s*(?P<operator>==?|!=)\s*(?P<value>{_VALUE})|\s*(?P<order>[<>])\s*(?P<bound>{_NUMBER})|\s+(?P<set>in|notin)\s*\((?P<values>{_VALUES})\))?"
    r")\s*"
)
ACCEPTED = (
    "must be a label selector as `kubectl --selector` has it, like 'shard=1', 'shard in (1, 2),!canary' or 'shard>2'"
)


def requirements(selector: str) -> Sequence[Requirement]:
    """Return what a selector requires of labels; an empty one requires nothing.

    Raises:
        InvalidSettings: It is no selector.
    """
    found: list[Requirement] = []
    at = 0
    while at < len(selector):
        match = _REQUIREMENT.match(selector, at)
        if match is None or selector[match.end() : match.end() + 1] not in {"", ","}:
            raise InvalidSettings(f"label_selector {ACCEPTED}, got {selector!r}")
        found.append(_requirement(match))
        at = match.end() + 1
    if selector.endswith(",") or (selector and not selector.strip()):
        raise InvalidSettings(f"label_selector {ACCEPTED}, got {selector!r}")
    return found


def _requirement(match: re.Match[str]) -> Requirement:
    absent, key = match["absent"], match["key"]
    if absent is not None:
        return lambda labels: absent not in labels
    if match["order"] is not None:
        bound, is_above = int(match["bound"]), match["order"] == ">"
        return lambda labels: _is_beyond(labels.get(key, ""), bound, is_above=is_above)
    if match["operator"] is None and match["set"] is None:
        return lambda labels: key in labels
    values = frozenset(map(str.strip, match["values"].split(","))) if match["set"] else frozenset({match["value"]})
    if match["operator"] == "!=" or match["set"] == "notin":
        return lambda labels: labels.get(key) not in values  # also without the label
    return lambda labels: labels.get(key) in values


def _is_beyond(value: str, bound: int, *, is_above: bool) -> bool:
    """Return whether a label is a number above, or below, a bound."""
    if re.fullmatch(_NUMBER, value) is None:
        return False
    return int(value) > bound if is_above else int(value) < bound
