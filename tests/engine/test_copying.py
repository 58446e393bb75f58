"""The quick copy agrees with ``dataclasses.replace``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kalends.engine.core.copying import replace
from kalends.engine.core.facts import Facts
from kalends.engine.core.state import ActiveRun, Counts, State

VALUES: list[Any] = [
    State(armed=5, cursor=7, active=(ActiveRun("a", 1, 2, "default"),)),
    Counts(due=3, started=3, active=3),
    ActiveRun("a", 1, 2, "default", holder="me"),
    Facts(now=1.5, me="me"),
]


@given(value=st.sampled_from(VALUES), data=st.data())
def test_a_copy_is_equal_to_that_of_the_standard_library(value: Any, data: st.DataObject) -> None:
    names = [one.name for one in dataclasses.fields(value)]
    changed = data.draw(st.lists(st.sampled_from(names), unique=True))
    changes = {name: f"new {name}" for name in changed}
    copied = replace(value, **changes)
    assert copied == dataclasses.replace(value, **changes)
    assert type(copied) is type(value)
    assert hash(copied.__class__) == hash(value.__class__)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_field_that_does_not_exist_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no field 'no_such_field'"):
        replace(value, no_such_field=1)


@dataclass(frozen=True)
class Unslotted:
    first: int
    second: int = 2


@dataclass(frozen=True, slots=True)
class Checked:
    first: int
    second: int = field(default=2)

    def __post_init__(self) -> None:
        if self.first < 0:
            raise ValueError("negative")


def test_classes_that_need_more_than_a_copy_are_left_to_the_standard_library() -> None:
    assert replace(Unslotted(1), second=3) == Unslotted(1, 3)
    with pytest.raises(ValueError, match="negative"):
        replace(Checked(1), first=-1)
