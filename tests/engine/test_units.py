"""The unit of instants: an engine of microseconds decides as one of seconds does, and also between two seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import START, definition_of, every, resource
from engine.world import facts
from kalends.engine.core.compiler import Compiler, Surroundings
from kalends.engine.core.definition import Definition, Stored
from kalends.engine.core.facts import Decision
from kalends.engine.core.schedule import Schedule
from kalends.engine.core.state import Counts, Instant, Ref, State
from kalends.engine.decisions.decide import decide
from kalends.model import format_instant
from kalends.triggers import NotFound, PartialTally, Scaled, Tally, Trigger
from narrowing import present

MICRO = 1_000_000
REF = Ref("default", "nightly", "uid-of-nightly")


def compiled(definition: Definition, second: int) -> Schedule:
    stored = Stored(ref=REF, version="1", generation=1, created=START * second, definition=definition)
    return present(Compiler(Surroundings(second=second)).compile(stored).schedule)


def history_of(definition: Definition, second: int, looks: list[float]) -> list[tuple[Counts, list[float], Any]]:
    """Return what is recorded at each look: the counts, the fire times of active runs, and the next fire time."""
    schedule, record, found = compiled(definition, second), None, []
    for seconds in looks:
        now = (START + seconds) * second
        record = decide(schedule, record, facts(now, second=second, free_slots=3)).state
        upcoming = None if record.next_run is None else record.next_run / second
        found.append((record.counts, [run.fire_time / second for run in record.active], upcoming))
    return found


POLICIES = st.one_of(
    st.just({"concurrencyPolicy": "Allow"}),
    st.fixed_dictionaries(
        {"concurrencyPolicy": st.sampled_from(["Forbid", "Queue", "Replace"]), "maxInstances": st.integers(1, 3)}
    ),
)
OTHERS = st.fixed_dictionaries(
    {"trigger": st.sampled_from([every(1), every(7), {"cron": {"second": "*/20"}}, {"cron": {"minute": "1,2"}}])},
    optional={
        "startingDeadlineSeconds": st.integers(0, 90),
        "coalesce": st.sampled_from(["Latest", "Earliest", "All"]),
        "maxRuns": st.integers(1, 5),
        "suspend": st.booleans(),
    },
)
SPECS = st.builds(lambda policy, others: {**policy, **others}, POLICIES, OTHERS)


@given(spec=SPECS, gaps=st.lists(st.floats(0, 200), min_size=1, max_size=6))
def test_both_units_give_the_same_decisions(spec: dict[str, Any], gaps: list[float]) -> None:
    # Whole microseconds, as clocks of that unit give them, are exact in both units.
    looks = [round(sum(gaps[: end + 1]) * 64) / 64 for end in range(len(gaps))]
    definition = definition_of(resource(**spec))
    assert history_of(definition, MICRO, looks) == history_of(definition, 1, looks)


class Quarters:
    """A trigger of microseconds: four fire times in each second."""

    def next_after(self, instant: Instant) -> Instant:
        return (instant // 250_000 + 1) * 250_000

    def tally(self, after: Instant, until: Instant) -> Tally:
        count = until // 250_000 - after // 250_000
        return Tally(count, self.next_after(after) if count else None, until // 250_000 * 250_000 if count else None)

    def several_after(self, instant: Instant, number: int) -> tuple[Instant, ...]:
        return tuple((instant // 250_000 + 1 + place) * 250_000 for place in range(number))

    def fires_at(self, instant: Instant) -> bool:
        return not instant % 250_000


def look(schedule: Schedule, record: State | None, now: float) -> Decision:
    return decide(schedule, record, facts(now, second=MICRO))


def test_fire_times_between_two_seconds_are_decided_when_they_have_come() -> None:
    base = replace(definition_of(resource(trigger=every(60))), when=Quarters())
    schedule = compiled(base, MICRO)
    assert look(schedule, None, START * MICRO + 249_999).state.counts.due == 0
    first = look(schedule, None, START * MICRO + 250_000)
    assert [run.fire_time for run in first.state.active] == [START * MICRO + 250_000]
    assert first.state.next_run == START * MICRO + 500_000
    assert first.wake_at == START * MICRO + 500_000


@pytest.mark.parametrize("deadline", [1, 2])
def test_deadlines_of_a_definition_are_seconds(deadline: int) -> None:
    base = replace(definition_of(resource(trigger=every(10))), grace_time=deadline)
    schedule = compiled(base, MICRO)
    at_the_deadline = (START + 10 + deadline) * MICRO
    assert look(schedule, None, at_the_deadline).state.counts.started == 1
    late = look(schedule, None, at_the_deadline + 1)
    assert late.state.counts.missed == 1
    assert (
        f"{deadline}.0 s late; `startingDeadlineSeconds` allows {deadline} s"
        in present(late.state.last_misfire).message
    )


def test_instants_are_written_with_their_fraction() -> None:
    assert format_instant(START * MICRO, MICRO) == format_instant(START)
    assert format_instant(START * MICRO + 20, MICRO) == format_instant(START).replace("Z", ".000020Z")


class Unfinished:
    """A rule whose search has ended at its budget."""

    def next_after(self, instant: Instant) -> NotFound:
        return NotFound(instant + 10)

    def tally(self, after: Instant, until: Instant) -> PartialTally:
        return PartialTally(Tally(1, after + 1, after + 1), until - 5)

    def several_after(self, instant: Instant, number: int) -> NotFound:
        return NotFound(instant + number)

    def fires_at(self, instant: Instant) -> bool:
        return instant == START


def test_a_search_that_has_not_ended_covers_the_whole_of_its_last_second() -> None:
    rule: Trigger = Unfinished()
    scaled = Scaled(rule, MICRO)
    assert scaled.next_after(START * MICRO + 5) == NotFound((START + 11) * MICRO - 1)
    assert scaled.several_after(START * MICRO, 3) == NotFound((START + 4) * MICRO - 1)
    partial = scaled.tally(START * MICRO, (START + 20) * MICRO)
    assert partial == PartialTally(Tally(1, (START + 1) * MICRO, (START + 1) * MICRO), (START + 16) * MICRO - 1)
    assert scaled.fires_at(START * MICRO)
    assert not scaled.fires_at(START * MICRO + 1)
