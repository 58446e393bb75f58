"""How a task learns which run it is, and that its end is wanted."""

from __future__ import annotations

import pickle
import threading

import pytest

from kalends import CurrentRun, current_run
from kalends.tasks.context import Cancellation, enter

RUN = CurrentRun("nightly-60", "blue", "nightly", 60, 1, None)


def test_outside_of_a_run_there_is_none() -> None:
    seen = []

    def ask() -> None:
        with pytest.raises(LookupError):
            current_run()
        seen.append(True)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert seen


def test_a_run_is_that_of_its_own_thread() -> None:
    seen = []

    def work(run: CurrentRun) -> None:
        enter(run)
        seen.append(current_run().name)

    for name in ("a-60", "b-60"):
        thread = threading.Thread(target=work, args=[CurrentRun(name, "blue", "a", 60, 1, None)])
        thread.start()
        thread.join()
    assert seen == ["a-60", "b-60"]


def test_a_wish_for_the_end_wakes_whoever_waits() -> None:
    run = CurrentRun("nightly-60", "blue", "nightly", 60, 1, None)
    assert (run.cancelled, run.wait(0)) == (False, False)
    threading.Timer(0.05, run.cancellation.ask).start()
    assert run.wait(30)
    assert run.cancelled


def test_whoever_asks_to_be_woken_is_woken_once_even_if_it_was_too_late() -> None:
    woken = []
    cancellation = Cancellation()
    cancellation.on_ask(lambda: woken.append("in time"))
    cancellation.ask()
    cancellation.ask()
    cancellation.on_ask(lambda: woken.append("at once"))
    assert woken == ["in time", "at once"]


def test_whoever_asks_to_be_woken_no_more_is_not() -> None:
    woken = []
    cancellation = Cancellation()
    cancellation.on_ask(lambda: woken.append("woken"))
    cancellation.on_ask(None)
    cancellation.ask()
    assert woken == []


def test_a_run_goes_to_another_process_without_the_wish_for_its_end() -> None:
    run = CurrentRun("nightly-60", "blue", "nightly", 60, 2, 30, "token")
    run.cancellation.ask()
    there = pickle.loads(pickle.dumps(run))  # noqa: S301 - our own
    assert there == run
    assert not there.cancelled
