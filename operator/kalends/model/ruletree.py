"""The rules of a class and of what it contains, without the rest of the schema: quick enough for every object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kalends.model.schema import RULES, Schema, structural_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalends.model.base import Wire
    from kalends.model.rules import Raw, Rule


@dataclass(frozen=True, slots=True)
class RuleTree:
    """The rules of one object, and the members (or the items of lists) that have rules of their own."""

    rules: tuple[Rule, ...]
    members: Mapping[str, RuleTree]
    lists: Mapping[str, RuleTree]


@cache
def rule_tree(model: type[Wire]) -> RuleTree:
    """Return the rules of a class."""
    return _prune(structural_schema(model)) or RuleTree((), {}, {})


def first_broken(tree: RuleTree, raw: Raw, path: str) -> tuple[str, Rule] | None:
    """Return the first rule that does not hold, and where. The types of ``raw`` are known to be right."""
    for rule in tree.rules:
        if not rule.holds(raw):
            return (path if rule.field is None else f"{path}.{rule.field}"), rule
    for name, member in tree.members.items():
        if (value := raw.get(name)) is not None and (broken := first_broken(member, value, f"{path}.{name}")):
            return broken
    for name, member in tree.lists.items():
        for index, value in enumerate(raw.get(name) or ()):
            if broken := first_broken(member, value, f"{path}.{name}[{index}]"):
                return broken
    return None


def _prune(schema: Schema) -> RuleTree | None:
    properties: dict[str, Any] = schema.get("properties", {})
    members = {name: tree for name, one in properties.items() if (tree := _prune(one)) is not None}
    lists = {name: tree for name, one in properties.items() if (tree := _prune(one.get("items", {}))) is not None}
    rules = tuple(schema.get(RULES, ()))
    return RuleTree(rules, members, lists) if rules or members or lists else None
