from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import START
from kalends.engine.core.state import State
from kalends.errors import InvalidStatus
from kalends.model import Status, format_instant
from kalends.model.crd.definition import crd_manifest
from kalends.stores.status_record import decode, encode, every_field, is_cut, merge_patch, status_patch
from narrowing import present

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)
# A merge patch cannot say null: it means "remove".
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON.filter(lambda v: v is not None), max_size=4)


T = "2026-01-01T00:00:00Z"


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return value


def applied(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = applied(target.get(name), value)
    return target


@given(OBJECTS.map(without_nulls), OBJECTS.map(without_nulls))
def test_a_patch_turns_one_object_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert applied(before, merge_patch(before, after)) == after


@given(OBJECTS.map(without_nulls))
def test_nothing_changed_is_an_empty_patch(same: dict[str, Any]) -> None:
    assert merge_patch(same, same) == {}


def test_what_is_written_is_what_the_schema_says() -> None:
    written = encode(State(armed=START))
    assert Status.read(written).armed_time == START


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"counts": {"due": 5}}, "status.armedTime must be an RFC 3339 instant where there is status.counts; it is"),
        ({"decidedUntilTime": T}, "where there is status.decidedUntilTime; it is not set"),
        ({"lastScheduleTime": T, "history": [{}]}, "where there is status.lastScheduleTime, status.history; it is not"),
        ({"handledRequests": ["ticket-1"]}, "where there is status.handledRequests; it is not set"),
        ({"armedTime": T, "counts": {"due": 5}}, "due + requested = started"),
        ({"armedTime": T, "counts": {"due": 1, "started": 1}}, "started = active"),
        ({"armedTime": "yesterday"}, "RFC 3339"),
        ({"armedTime": T, "counts": {"due": -1}}, "status"),
        (
            {"armedTime": T, "active": [{"name": "a", "scheduledTime": "2026-01-01T00:00:00Z"}]},
            "at least",
        ),
    ],
)
def test_a_status_that_no_operator_wrote_is_refused_with_what_is_accepted(status: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidStatus, match=says.replace("+", r"\+")):
        decode(status, created=START)


ONE = {"name": "a-1", "scheduledTime": "2026-01-01T00:01:00Z", "outcome": "Succeeded"}
TWO = {"name": "a-2", "scheduledTime": "2026-01-01T00:02:00Z", "outcome": "Skipped", "reason": "TooManyInstances"}
OLDER = {"armedTime": T, "lastScheduleTime": "2026-01-01T00:03:00Z"}
COUNTED = {"counts": {"due": 3, "started": 1, "succeeded": 1, "skipped": 1, "coalesced": 1}, "history": [TWO, ONE]}


def instant(status: dict[str, Any], name: str) -> str | None:
    state = decode(status, created=START)
    return None if getattr(state, name) is None else format_instant(getattr(state, name))


def test_a_record_without_a_cursor_field_continues_where_it_was() -> None:
    assert instant(OLDER | COUNTED, "cursor") == "2026-01-01T00:03:00Z"
    assert instant(OLDER | COUNTED, "last_scheduled") == "2026-01-01T00:01:00Z"
    assert instant(OLDER, "last_scheduled") is None
    written = encode(present(decode(OLDER | COUNTED, created=START)))
    assert written["decidedUntilTime"] == "2026-01-01T00:03:00Z"
    assert written["lastScheduleTime"] == "2026-01-01T00:01:00Z"


QUEUED = {"name": "a-2", "scheduledTime": "2026-01-01T00:02:00Z"}
COALESCED = {"counts": {"due": 3, "started": 1, "succeeded": 1, "queued": 1, "coalesced": 1}, "history": [ONE]}


def test_the_first_write_to_a_record_from_before_there_was_a_cursor_writes_the_cursor() -> None:
    status = OLDER | COALESCED | {"queued": [QUEUED]}
    record = present(decode(status, created=START))
    started = replace(record.counts, started=2, succeeded=2, queued=0)
    last = record.last_with(record.queued[0].fire_time)
    after = replace(record, queued=(), counts=started, last_scheduled=last)
    written = applied(status, status_patch(record, after))
    assert written["lastScheduleTime"] == "2026-01-01T00:02:00Z"
    assert instant(written, "cursor") == "2026-01-01T00:03:00Z"


def test_a_fire_time_without_a_run_is_no_last_schedule_time_once_the_cursor_has_its_own_field() -> None:
    status = OLDER | COUNTED
    record = present(decode(status, created=START))
    after = replace(record, cursor=present(record.cursor) + 60, counts=replace(record.counts, due=4, missed=1))
    written = applied(status, status_patch(record, after))
    assert decode(written, created=START) == after


def test_what_cannot_be_read_is_kept_when_conditions_are_written() -> None:
    blank = State(armed=START)
    after = replace(blank, observed_generation=2)
    assert status_patch(blank, after, keeps_unread=True) == {"observedGeneration": 2}


@pytest.mark.parametrize(
    ("set_back", "cursor"),
    [
        ({"decidedUntilTime": T, "lastScheduleTime": "2026-01-01T00:03:00Z"}, "2026-01-01T00:03:00Z"),
        ({"decidedUntilTime": T}, "2026-01-01T00:02:00Z"),
        ({}, "2026-01-01T00:02:00Z"),
        ({"decidedUntilTime": T, "history": []}, T),
    ],
    ids=["a later run", "history", "removed", "nothing left"],
)
def test_a_cursor_that_was_set_back_advances_to_the_recorded_runs(set_back: dict[str, Any], cursor: str) -> None:
    assert instant({"armedTime": T} | COUNTED | set_back, "cursor") == cursor


def test_a_requested_run_changes_no_fire_time() -> None:
    asked = ONE | {"request": "now"}
    status = {"armedTime": T, "counts": {"requested": 1, "started": 1, "succeeded": 1}, "history": [asked]}
    assert (instant(status, "cursor"), instant(status, "last_scheduled")) == (None, None)


def test_an_empty_status_tells_nothing() -> None:
    assert decode({}, created=START) is None
    assert decode(None, created=START) is None
    assert decode({"conditions": []}, created=START) is None


def names_in(schema: Any, path: Any = "") -> Iterator[Any]:
    """Yield the path of every field of a schema, through lists."""
    schema = schema.get("items", schema)
    for name, member in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from names_in(member, f"{path}.{name}")


def paths_in(value: Any, path: Any = "") -> Iterator[Any]:
    for one in value if isinstance(value, list) else [value]:
        for name, member in one.items() if isinstance(one, dict) else ():
            yield f"{path}.{name}"
            yield from paths_in(member, f"{path}.{name}")


def test_the_record_that_shows_what_a_crd_drops_has_every_field_of_the_schema() -> None:
    version = crd_manifest()["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert set(names_in(schema)) == set(paths_in(every_field()))


def test_a_patch_names_every_field_also_those_that_are_unset_or_have_not_changed() -> None:
    record = State(armed=START)
    patch = status_patch(record, record)
    assert patch.keys() == every_field().keys()
    assert {name: value for name, value in patch.items() if value is not None} == encode(record)


WHOLE = {"counts": {"due": 1, "queued": 0}, "active": [{"name": "a", "holder": "b"}, {"name": "c"}]}


@pytest.mark.parametrize(
    ("found", "cut"),
    [
        (WHOLE, False),
        ({}, False),
        (None, False),
        ({**WHOLE, "counts": {"due": 1}}, True),
        ({**WHOLE, "active": [{"name": "a"}, {"name": "c"}]}, True),
        ({"active": WHOLE["active"]}, True),
        ({**WHOLE, "counts": {"due": 2}}, False),
        ({**WHOLE, "active": [{"name": "a"}]}, False),
        ({"counts": {"due": 1}, "more": 1}, False),
    ],
)
def test_a_record_is_cut_if_fields_are_missing_and_nothing_else_differs(found: Any, cut: Any) -> None:
    assert is_cut(WHOLE, found) is cut
