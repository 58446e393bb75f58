"""The fields of a spec that are targets, and what follows from them: its rules, and its columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import get_args

from kalends.model.rules import Rule, exactly_one_of, only_with
from kalends.model.v1alpha1.base import Wire
from kalends.model.v1alpha1.target import WireTarget


@dataclass(frozen=True, slots=True)
class TargetField:
    """A field of a spec that is a target."""

    name: str
    """Its JSON name."""
    attribute: str
    """Its name in Python."""
    kind: type[WireTarget]


@cache
def target_fields(spec: type[Wire]) -> tuple[TargetField, ...]:
    """Return the fields of a class of specs whose type is a kind of target, in their order."""
    return tuple(
        TargetField(field.alias or attribute, attribute, kind)
        for attribute, field in spec.model_fields.items()
        for kind in get_args(field.annotation)
        if isinstance(kind, type) and issubclass(kind, WireTarget)
    )


def target_rules(spec: type[Wire]) -> tuple[Rule, ...]:
    """Return the rules that a spec has one target, and no field that only another kind of target uses."""
    fields = target_fields(spec)
    own = (only_with(name, field.name, instead) for field in fields for name, instead in field.kind.own_fields)
    return (exactly_one_of(*(field.name for field in fields)), *own)
