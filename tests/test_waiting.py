"""What harnesses wait for: true at last, or an error of its own kind with the last reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcluster.waiting import NotInTime, eventually


def test_a_claim_is_asked_again_until_it_is_true() -> None:
    answers = iter([0, 0, 7])
    assert eventually(lambda: next(answers), every=0.0) == 7


def test_an_assertion_in_a_claim_means_not_yet() -> None:
    answers: Iterator[AssertionError | int] = iter([AssertionError("too early"), 7])

    def claim() -> int:
        answer = next(answers)
        if isinstance(answer, AssertionError):
            raise answer
        return answer

    assert eventually(claim, every=0.0) == 7


def test_a_claim_that_stays_false_is_an_error_of_its_own_kind_with_the_last_reason() -> None:
    def claim() -> bool:
        raise AssertionError("three of five are ready")

    with pytest.raises(NotInTime, match=r"not within 0 s: three of five are ready"):
        eventually(claim, within=0.0, every=0.0)
    with pytest.raises(NotInTime, match="not within 0 s"):
        eventually(lambda: False, within=0.0, every=0.0)
