"""``kalends.testing.run``: a task is called as the operator and the library call it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kalends.model import Outcome
from kalends.tasks import current_run, task
from kalends.testing import run

AT = datetime(2030, 1, 1, 6, tzinfo=UTC)


@task
def report(day: str, *, copies: int = 1) -> dict[str, Any]:
    """Returns what it was called with, and what it knows of its run."""
    this = current_run()
    return {
        "day": day,
        "copies": copies,
        "at": this.scheduled_time,
        "of": (this.namespace, this.scheduled_job),
        "attempt": this.attempt,
        "cancelled": this.cancelled,
        "since": this.last_successful,
    }


def test_a_task_sees_its_run() -> None:
    found = run(report, ["monday"], {"copies": 2}, fire_time=AT, namespace="team", name="nightly", cancelled=True)
    assert found.succeeded
    assert (found.outcome, found.attempts, found.exception) == (Outcome.SUCCEEDED, 1, None)
    expected = {"day": "monday", "copies": 2, "at": AT, "of": ("team", "nightly"), "attempt": 1, "cancelled": True}
    assert found.value == {**expected, "since": None}


def test_a_task_sees_the_last_successful_fire_time() -> None:
    found = run(report, ["monday"], last_successful=AT - timedelta(days=1))
    assert found.value["since"] == int((AT - timedelta(days=1)).timestamp())


def test_there_is_no_current_run_afterwards() -> None:
    run(report, ["monday"])
    with pytest.raises(LookupError):
        current_run()


def test_a_failed_call_is_repeated_as_often_as_asked() -> None:
    attempts: list[int] = []

    def flaky() -> str:
        attempts.append(current_run().attempt)
        if len(attempts) < 3:
            raise OSError("not yet")
        return "done"

    found = run(flaky, retry=5)
    assert (attempts, found.attempts, found.result, found.value) == ([1, 2, 3], 3, '"done"', "done")


def test_the_last_failure_is_that_of_the_run() -> None:
    found = run(lambda text: int(text), ["x"], retry=2)  # noqa: PLW0108 - a class cannot be a task
    assert (found.outcome, found.attempts, found.succeeded) == (Outcome.FAILED, 3, False)
    assert isinstance(found.exception, ValueError)
    assert found.error is not None
    assert "invalid literal" in found.error


def test_an_exit_is_a_failure_of_the_task() -> None:
    def leaves() -> None:
        raise SystemExit(3)

    assert run(leaves).error == "ended with exit code 3"


async def answer() -> int:
    """Returns the number of its attempt."""
    return current_run().attempt


def test_a_coroutine_is_run_to_its_end() -> None:
    assert run(answer).value == 1


async def test_a_coroutine_is_run_to_its_end_in_an_async_test() -> None:
    assert run(answer).value == 1


def test_arguments_that_do_not_fit_are_refused_before_the_call() -> None:
    with pytest.raises(ValueError, match="day"):
        run(report)
    with pytest.raises(ValueError, match="pages"):
        run(report, ["monday"], {"pages": 3})


def test_what_cannot_be_a_task_is_refused() -> None:
    def generator() -> Any:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        run(generator)
