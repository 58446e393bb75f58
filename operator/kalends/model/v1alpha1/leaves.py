"""How many rules a schedule is made of: each question to it asks them all, so they are bounded together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kalends.model.rules import Raw, Rule, is_set
from kalends.model.v1alpha1.trigger import DEEPEST_COMBINATION

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_LEAVES = 32
"""With so many, one question still covers months (``kalends.triggers.search.budget``)."""

_MEMBER = "(has(m.anyOf) ? m.anyOf.size() : has(m.allOf) ? m.allOf.size() : 1)"
_TRIGGER = (
    f"(has(self.trigger.anyOf) ? self.trigger.anyOf.map(m, {_MEMBER}).sum()"
    f" : has(self.trigger.allOf) ? self.trigger.allOf.map(m, {_MEMBER}).sum() : 1)"
)
_EXCLUDED = "self.exclude.filter(e, has(e.cron)).size()"


def few_leaves() -> Rule:
    """Return the rule that bounds the members of ``trigger``, however they nest, and the crons of ``exclude``."""
    return Rule(
        cel=f"(has(self.trigger) ? {_TRIGGER} : 1) + (has(self.exclude) ? {_EXCLUDED} : 0) <= {MOST_LEAVES}",
        holds=lambda raw: _leaves(raw.get("trigger")) + _size(raw, "exclude", _is_cron) <= MOST_LEAVES,
        message="the innermost members of `trigger` and the crons of `exclude` must be at most "
        f"{MOST_LEAVES} together; a field of a cron may list several values, as in `hour: 1,3,5-8`",
    )


def _leaves(trigger: Any, depth: int = DEEPEST_COMBINATION) -> int:
    """Count the innermost members; what is nested deeper, or is of a wrong type, is reported for itself."""
    if depth == 0 or not isinstance(trigger, Mapping):
        return 1
    for word in ("anyOf", "allOf"):
        members = trigger.get(word)
        if isinstance(members, list):
            return sum(_leaves(member, depth - 1) for member in members)
    return 1


def _size(raw: Raw, name: str, matches: Callable[[Any], bool]) -> int:
    items = raw.get(name)
    return sum(map(matches, items)) if isinstance(items, list) else 0


def _is_cron(exclusion: Any) -> bool:
    return isinstance(exclusion, Mapping) and is_set(exclusion, "cron")
