"""Pickles whose values are far larger than they are, or nested too deep, are refused before they are read."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from kalends.library.foreign.pickle_size import SizeLimit
from kalends.library.foreign.pickles import unpickled

KINDS: dict[str, Any] = {
    "tuples": lambda part: (part, part),
    "lists": lambda part: [part, part],
    "dictionaries": lambda part: {"a": part, "b": part},
    "sets": lambda part: frozenset([(1, part), (2, part)]),
}


def doubled(kind: str, times: int) -> Any:
    """Return a value that has another twice, which has another twice, and so on."""
    found: Any = () if kind == "sets" else []
    for _ in range(times):
        found = KINDS[kind](found)
    return found


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["tuples", "lists", "dictionaries"])
def test_shared_parts_count_at_each_use(kind: str, protocol: int) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"must have at most 16 times its length, or 4 MiB"):
        unpickled(pickle.dumps(doubled(kind, 60), protocol))
    assert unpickled(pickle.dumps(doubled(kind, 8), protocol)) == doubled(kind, 8)


def nested_key(levels: int, rest: bytes) -> bytes:
    """Return a pickle that hashes a tuple of two equal tuples of two equal tuples of ... as the key of a dictionary."""
    return b"\x80\x04)" + b"2\x86" * levels + b"\x94" + rest


@pytest.mark.parametrize(
    "rest",
    [
        b"0}h\x00Ns.",  # a key
        b"0\x8f(h\x00\x90.",  # a member of a set
        b"0}h\x00Ns0N.",  # a key of a dictionary that is dropped
        b"0(}h\x00Ns1N.",
        b"0cbuiltins\nfrozenset\n]h\x00a\x85R.",
        b"0cuuid\nUUID\n]h\x00a\x85R.",  # the message of an error shows it
    ],
)
def test_nothing_is_hashed_or_shown_that_has_too_many_parts(rest: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="if shared parts are counted at each use"):
        unpickled(nested_key(60, rest))


def test_many_hashes_of_a_large_part_count_together() -> None:
    one_key = b"0}h\x00Ns"
    data = nested_key(14, one_key * 300 + b".")
    with pytest.raises(pickle.UnpicklingError, match="if shared parts are counted at each use"):
        unpickled(data)
    assert unpickled(nested_key(14, one_key + b".")).values()


def test_a_part_that_grows_after_it_was_used_counts_with_its_last_size() -> None:
    used = b"\x80\x04]\x94(" + b"h\x00" * 3000 + b"l0h\x00(" + b"K\x01" * 20000 + b"eN."
    with pytest.raises(pickle.UnpicklingError, match="if shared parts are counted at each use"):
        unpickled(used)


def test_values_that_are_nested_too_deep_are_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="nested at most 500 levels deep"):
        unpickled(b"\x80\x04)" + b"\x85" * 1_000_000 + b"}\x94h\x00N0.")


@pytest.mark.parametrize("data", [b"\x80\x04]\x94h\x00a.", b"\x80\x04}\x94K\x01h\x00s.", b"]q\x00(h\x00h\x00e."])
def test_a_value_that_contains_itself_is_refused(data: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError, match="contains itself"):
        unpickled(data)


def test_the_pickles_of_a_job_have_one_limit() -> None:
    data, limit = pickle.dumps(doubled("lists", 17), 4), SizeLimit()
    for _ in range(2):  # 2 MiB each
        unpickled(data, limit=limit)
    with pytest.raises(pickle.UnpicklingError, match="if shared parts are counted at each use"):
        unpickled(data, limit=limit)


@pytest.mark.parametrize("protocol", [2, 5])
@pytest.mark.parametrize(
    "value",
    [
        [{"name": "Ada", "born": datetime(1815, 12, 10, tzinfo=UTC), "price": Decimal("1.10")}] * 200,
        list(range(30_000)),
        ["x" * 3_000_000] * 2,
        b"x" * 3_000_000,
        [[1.5, None, True, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], {1, 2}, frozenset({3}), bytearray(b"4")],
        {"a": {"b": UUID(int=5)}, "c": 1 << 300},
    ],
    ids=["records", "numbers", "texts", "bytes", "kinds", "mappings"],
)
def test_usual_values_are_admitted(value: object, protocol: int) -> None:
    assert unpickled(pickle.dumps(value, protocol)) == value
