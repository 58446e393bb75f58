"""The rules of a class and of what it contains, without the rest of the schema: quick enough for every object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from kalends.model.validation.schema import RULES, Schema, structural_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kalends.model.rules import Raw, Rule
    from kalends.model.v1alpha1.base import Wire


@dataclass(frozen=True, slots=True)
class RuleTree:
    """The rules of one object, and the members (or the items of lists) that have rules themselves."""

    rules: tuple[Rule, ...]
    members: Mapping[str, RuleTree]
    lists: Mapping[str, RuleTree]


@cache
def rule_tree(model: type[Wire]) -> RuleTree:
    """Return the rules of a class."""
    return _prune(structural_schema(model)) or RuleTree((), {}, {})


def all_hold(tree: RuleTree, raw: Raw) -> bool:
    """Return whether every rule holds. The types of ``raw`` are known to be right."""
    return (
        all(rule.holds(raw) for rule in tree.rules)
        and all(all_hold(member, raw[name]) for name, member in tree.members.items() if raw.get(name) is not None)
        and all(all_hold(member, item) for name, member in tree.lists.items() for item in raw.get(name) or ())
    )


def _prune(schema: Schema) -> RuleTree | None:
    properties: dict[str, Any] = schema.get("properties", {})
    members = {name: tree for name, one in properties.items() if (tree := _prune(one)) is not None}
    lists = {name: tree for name, one in properties.items() if (tree := _prune(one.get("items", {}))) is not None}
    rules = tuple(schema.get(RULES, ()))
    return RuleTree(rules, members, lists) if rules or members or lists else None
