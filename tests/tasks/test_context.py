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


def test_the_current_run_is_that_of_its_thread() -> None:
    seen = []

    def work(run: CurrentRun) -> None:
        enter(run)
        seen.append(current_run().name)

    for name in ("a-60", "b-60"):
        thread = threading.Thread(target=work, args=[CurrentRun(name, "blue", "a", 60, 1, None)])
        thread.start()
        thread.join()
    assert seen == ["a-60", "b-60"]


def test_a_cancellation_wakes_the_waiting_task() -> None:
    run = CurrentRun("nightly-60", "blue", "nightly", 60, 1, None)
    assert (run.cancelled, run.wait(0)) == (False, False)
    threading.Timer(0.05, run.cancellation.ask).start()
    assert run.wait(30)
    assert run.cancelled


def test_a_callback_is_called_once_even_if_it_was_registered_too_late() -> None:
    woken = []
    cancellation = Cancellation()
    cancellation.on_ask(lambda: woken.append("in time"))
    cancellation.ask()
    cancellation.ask()
    cancellation.on_ask(lambda: woken.append("at once"))
    assert woken == ["in time", "at once"]


def test_a_removed_callback_is_not_called() -> None:
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
