"""Versions are compared in one way, wherever an object is seen twice."""

from __future__ import annotations

import pytest

from kalends.model.versions import is_newer, is_older


@pytest.mark.parametrize(("older", "newer"), [("9", "10"), ("99", "100")])
def test_integers_are_in_order(older: str, newer: str) -> None:
    assert is_newer(newer, older)
    assert is_older(older, newer)
    assert not is_newer(older, newer)
    assert not is_older(newer, older)


@pytest.mark.parametrize(("one", "other"), [("next", "9"), ("9", "next"), ("a", "b")])
def test_a_version_that_is_no_integer_is_newer_than_any_other_and_older_than_none(one: str, other: str) -> None:
    assert is_newer(one, other)
    assert not is_older(one, other)


@pytest.mark.parametrize("version", ["9", "a"])
def test_a_version_is_neither_newer_nor_older_than_itself(version: str) -> None:
    assert not is_newer(version, version)
    assert not is_older(version, version)
