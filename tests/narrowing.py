"""Answers narrowed to the kind that a test expects: each helper fails where the answer is of another kind."""

from __future__ import annotations

from typing import TypeVar

from kalends.triggers.protocol import NotFound, PartialTally

T = TypeVar("T")


def present(value: T | None) -> T:
    """Return a value that is not None."""
    assert value is not None
    return value


def known(answer: T | NotFound | PartialTally) -> T:
    """Return a trigger's answer where its search did not end at its budget."""
    assert not isinstance(answer, NotFound | PartialTally), f"the search ended at its budget: {answer}"
    return answer
