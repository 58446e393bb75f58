from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import START
from kalends.engine.state import State
from kalends.errors import InvalidStatus
from kalends.model import Status
from kalends.stores.record import decode, encode, merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)
# A merge patch cannot say null: it means "remove".
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON.filter(lambda v: v is not None), max_size=4)


T = "2026-01-01T00:00:00Z"


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return value


def applied(target, patch):
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
def test_a_patch_turns_one_object_into_the_other(before, after):
    assert applied(before, merge_patch(before, after)) == after


@given(OBJECTS.map(without_nulls))
def test_nothing_changed_is_an_empty_patch(same):
    assert merge_patch(same, same) == {}


def test_what_is_written_is_what_the_schema_says():
    written = encode(State(armed=START))
    assert Status.read(written).armed_time == START


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"counts": {"due": 5}}, "armedTime must be set"),
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
def test_a_status_that_no_operator_wrote_is_refused_with_what_is_accepted(status, says):
    with pytest.raises(InvalidStatus, match=says.replace("+", r"\+")):
        decode(status, created=START)


def test_an_empty_status_tells_nothing():
    assert decode({}, created=START) is None
    assert decode(None, created=START) is None
    assert decode({"conditions": []}, created=START) is None
