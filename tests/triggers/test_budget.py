"""A question to a trigger costs a bounded amount of work, whatever the trigger; and no answer is ever guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kalends.triggers import NotFound, PartialTally, Tally, Trigger
from kalends.triggers.protocol import Instant, Rule
from kalends.triggers.rules.remembered import RememberedTrigger
from kalends.triggers.search.budget import Budget
from narrowing import known
from triggers.building import CREATED, at, build
from triggers.hostile import (
    AGREE_FAR_OFF,
    AGREE_IN_A_YEAR,
    ALL_EXCLUDED,
    APART,
    EACH_SECOND_BUT,
    HOSTILE,
    MANY_SEARCHES,
    MOST_ASKED,
    NOT_IN_THIS_ERA,
    Work,
)
from triggers.strategies import near_changes
from triggers.test_combined import Rules, exclusions, leaves, rules
from triggers.walking import DAY, fire_times

YEAR = 366 * DAY


def work_of(question: Any) -> int:
    work = Work()
    with work.counted():
        question()
    return work.units


@pytest.mark.parametrize("spec", HOSTILE.values(), ids=HOSTILE)
def test_building_costs_no_more_than_a_question(spec: dict[str, Any]) -> None:
    assert work_of(lambda: build(**spec)) < MOST_ASKED


@pytest.mark.parametrize("spec", HOSTILE.values(), ids=HOSTILE)
def test_each_question_costs_no_more_than_its_budget(spec: dict[str, Any]) -> None:
    trigger = build(**spec)
    assert work_of(lambda: trigger.next_after(CREATED)) < MOST_ASKED
    assert work_of(lambda: trigger.tally(CREATED, CREATED + 10 * YEAR)) < MOST_ASKED
    assert work_of(lambda: trigger.tally(CREATED, CREATED + DAY)) < MOST_ASKED
    assert work_of(lambda: trigger.fires_at(CREATED + 1)) < 500


@pytest.mark.parametrize("spec", HOSTILE.values(), ids=HOSTILE)
def test_each_question_gets_on(spec: dict[str, Any]) -> None:
    trigger = build(**spec)
    instant = CREATED
    for _ in range(5):
        found = trigger.next_after(instant)
        if not isinstance(found, NotFound):
            break
        assert found.until >= instant + 20 * DAY
        instant = found.until


@pytest.mark.parametrize("spec", [APART, AGREE_FAR_OFF, NOT_IN_THIS_ERA, ALL_EXCLUDED])
def test_what_is_not_found_is_neither_never_nor_refused(spec: dict[str, Any]) -> None:
    found = build(**spec).next_after(CREATED)
    assert isinstance(found, NotFound)
    assert found.until > CREATED + 40 * DAY


@pytest.mark.parametrize("spec", [NOT_IN_THIS_ERA, AGREE_IN_A_YEAR])
def test_a_continued_search_finds_the_first_fire_time(spec: dict[str, Any]) -> None:
    expected = at("2301-01-01") if spec is NOT_IN_THIS_ERA else at("2025-06-01T12:00")
    assert sought(build(**spec), CREATED) == expected


def sought(trigger: Trigger, instant: Instant) -> Instant | None:
    """Return the next fire time, however many questions it takes."""
    found = trigger.next_after(instant)
    while isinstance(found, NotFound):
        found = trigger.next_after(found.until)
    return found


def test_a_continued_search_repeats_nothing() -> None:
    trigger = build(**APART)
    first = trigger.next_after(CREATED)
    assert isinstance(first, NotFound)
    assert work_of(lambda: trigger.next_after(CREATED)) == 0
    assert work_of(lambda: trigger.next_after(first.until - 1)) == 0
    second = trigger.next_after(first.until)
    assert isinstance(second, NotFound)
    assert second.until > first.until
    assert trigger.next_after(CREATED) == second
    assert work_of(lambda: trigger.next_after(CREATED)) == 0


@pytest.mark.parametrize("spec", [EACH_SECOND_BUT, AGREE_IN_A_YEAR])
def test_a_fire_time_that_is_known_is_not_searched_for_again(spec: dict[str, Any]) -> None:
    trigger = build(**spec)
    fire_time = sought(trigger, CREATED)
    assert fire_time is not None
    assert work_of(lambda: trigger.next_after(CREATED)) == 0
    assert work_of(lambda: trigger.next_after(fire_time - 1)) == 0


def test_a_count_continues_from_the_last_count() -> None:
    trigger = build(**EACH_SECOND_BUT)
    questions = 0
    while isinstance(tally := trigger.tally(CREATED, CREATED + 400 * DAY), PartialTally):
        questions += 1
        assert tally.tally.count == (tally.until - CREATED) // 60 * 29 + max(0, (tally.until - CREATED) % 60 - 30)
    assert 1 < questions < 20
    assert tally == Tally(400 * 1440 * 29, CREATED + 31, CREATED + 400 * DAY - 1)
    assert work_of(lambda: trigger.tally(CREATED, CREATED + 400 * DAY)) < MOST_ASKED / 2


def test_a_member_that_searches_for_ever_does_not_hold_up_the_others() -> None:
    trigger = build(**MANY_SEARCHES)
    assert work_of(lambda: trigger.next_after(CREATED)) < MOST_ASKED
    found = trigger.next_after(CREATED)
    assert found is not None
    assert isinstance(found, NotFound) or trigger.fires_at(found)


@given(rules, leaves, leaves, leaves, exclusions, st.integers(300, 3000))
@settings(max_examples=25, deadline=None)
def test_small_budgets_find_what_a_large_one_finds(
    rules: Rules, one: Any, other: Any, third: Any, exclusion: Any, budget: int
) -> None:
    for trigger, more in (
        ({"allOf": [one, {"anyOf": [other, third]}]}, {}),
        ({"anyOf": [{"allOf": [one, other]}, third]}, {}),
        ({"anyOf": [one, other]}, {"exclude": [exclusion]}),
    ):
        built = rules.build(trigger, **more)
        if isinstance(built, RememberedTrigger):
            in_steps(built.rule, rules.start, rules.stop, budget)


def in_steps(rule: Rule, start: Instant, stop: Instant, budget: int) -> None:
    """Hold searches and counts in small steps to those in one."""
    expected = known(rule.seek(start, stop, Budget(10**9)))
    found = rule.seek(start, stop, Budget(budget))
    while isinstance(found, NotFound):
        assert found.until < stop
        assert expected is None or found.until < expected
        found = rule.seek(found.until, stop, Budget(budget))
    assert found == expected
    whole = rule.count(start, stop, Budget(10**9))
    total, part = 0, rule.count(start, stop, Budget(budget))
    while isinstance(part, PartialTally):
        total += part.tally.count
        part = rule.count(part.until, stop, Budget(budget))
    assert isinstance(whole, Tally)
    assert total + part.count == whole.count


@given(near_changes, leaves, leaves, st.lists(st.integers(0, 60 * DAY), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None)
def test_what_is_remembered_is_what_a_search_finds(
    near: tuple[str, int], one: Any, other: Any, instants: list[int]
) -> None:
    remembering = Rules(near[0], near[1], "Adjust").build({"anyOf": [one, other]})
    assert isinstance(remembering, RememberedTrigger)
    rule = remembering.rule
    for place in instants:
        instant = near[1] - 30 * DAY + place
        assert remembering.next_after(instant) == rule.next_after(instant)
        assert remembering.tally(instant, near[1] + 30 * DAY) == rule.count(instant, near[1] + 30 * DAY, Budget(10**9))
        assert remembering.fires_at(instant) == (rule.next_after(instant - 1) == instant)


AGREEING = {
    17: "2088-02-29",
    37: "2156-02-29",
}


@pytest.mark.parametrize(("days", "date"), AGREEING.items())
def test_members_that_agree_after_decades_are_found_to_agree(days: int, date: str) -> None:
    members = [{"cron": {"month": 2, "day": 29}}, {"interval": {"days": days}}]
    trigger = build(trigger={"allOf": members}, startTime="2024-03-01T00:00:00Z", created=at("2024-03-01"))
    assert trigger.next_after(at("2024-03-01")) == at(date)
    assert work_of(lambda: build(trigger={"allOf": members}, startTime="2024-03-01")) < 500


def test_fire_times_of_a_dense_rule_are_complete_across_budgets() -> None:
    trigger = build(**EACH_SECOND_BUT)
    assert fire_times(trigger, CREATED, CREATED + 120) == [
        CREATED + minute + second for minute in (0, 60) for second in range(31, 60)
    ]
