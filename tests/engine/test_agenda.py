from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kalends.engine.loop.queues.agenda import Agenda


def test_what_is_due_comes_out_in_order_and_once() -> None:
    agenda = Agenda()
    agenda.put("b", 2)
    agenda.put("a", 1)
    agenda.put("c", 3)
    assert list(agenda.pop_due(2)) == ["a", "b"]
    assert list(agenda.pop_due(2)) == []
    assert agenda.next_instant() == 3


def test_a_key_has_one_instant_the_last_one_put() -> None:
    agenda = Agenda()
    agenda.put("a", 1)
    agenda.put("a", 5)
    assert list(agenda.pop_due(4)) == []
    assert list(agenda.pop_due(5)) == ["a"]


def test_a_discarded_key_never_wakes() -> None:
    agenda = Agenda()
    agenda.put("a", 1)
    agenda.discard("a")
    assert agenda.next_instant() is None
    assert len(agenda) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 50) | st.none()), max_size=300))
def test_it_agrees_with_a_plain_dictionary(steps: list[Any]) -> None:
    agenda = Agenda()
    model: dict[str, int] = {}
    for key, instant in steps:
        if instant is None:
            agenda.discard(key)
            model.pop(key, None)
        else:
            agenda.put(key, instant)
            model[key] = instant
    assert agenda.next_instant() == min(model.values(), default=None)
    assert sorted(agenda.pop_due(25)) == sorted(key for key, at in model.items() if at <= 25)


def test_rescheduling_for_ever_does_not_grow_the_heap() -> None:
    agenda = Agenda()
    for instant in range(10_000):
        agenda.put("a", instant)
    assert agenda.entries_kept < 200


def test_where_the_clock_was_put_back_all_is_worked_out_anew_once() -> None:
    agenda = Agenda()
    agenda.put("retry", 1005)
    agenda.put("far", 9000)
    assert list(agenda.pop_due(1000)) == []
    assert list(agenda.pop_due(999.5)) == []  # slewed, not stepped
    assert list(agenda.pop_due(400)) == ["retry", "far"]
    agenda.put("retry", 405)
    agenda.put("far", 9000)
    assert list(agenda.pop_due(401)) == []
    assert list(agenda.pop_due(405)) == ["retry"]
