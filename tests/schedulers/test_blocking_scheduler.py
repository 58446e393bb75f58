"""A program with a ``BlockingScheduler``: how signals and jobs end it."""

from __future__ import annotations

import signal
import threading

from kalends.schedulers.blocking import BlockingScheduler
from schedulers.programs import interrupted
from schedulers.recorder import PATIENCE, Recorder

PROGRAM = """
import signal, sys, threading
from kalends.schedulers.blocking import BlockingScheduler

scheduler = BlockingScheduler()
began, release = threading.Event(), threading.Event()

def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")  # in a single write: threads share it
    sys.stdout.flush()

def job():
    say("began")
    began.set()
    release.wait(100)
    say("ended")

scheduler.add_job(job, misfire_grace_time=None)
"""


def test_keyboard_interrupt_leaves_start_and_begins_no_more_runs() -> None:
    code = (
        PROGRAM
        + """
scheduler.add_job(lambda: say("tick"), "interval", seconds=0.02)
try:
    scheduler.start()
except KeyboardInterrupt:
    say("paused", scheduler.state == 2)
    release.set()
    scheduler.shutdown()
    say("left")
"""
    )
    returncode, output, errors = interrupted(code, signal.SIGINT, after="began")
    lines = [line for line in output.splitlines() if line != "tick"]
    assert (returncode, lines, errors) == (0, ["paused True", "ended", "left"], "")


def test_a_signal_handler_may_shut_it_down() -> None:
    code = (
        PROGRAM
        + """
def leave(number, frame):
    release.set()
    scheduler.shutdown()

signal.signal(signal.SIGTERM, leave)
scheduler.start()
say("left", scheduler.running)
"""
    )
    returncode, output, errors = interrupted(code, signal.SIGTERM, after="began")
    assert (returncode, output.splitlines(), errors) == (0, ["ended", "left False"], "")


def test_sigterm_alone_ends_the_program_at_once() -> None:
    returncode, output, _ = interrupted(PROGRAM + "scheduler.start()\n", signal.SIGTERM, after="began")
    assert (returncode, output) == (-signal.SIGTERM, "")


def test_an_exit_from_a_signal_handler_ends_the_program() -> None:
    code = (
        PROGRAM
        + """
def leave(number, frame):
    release.set()
    sys.exit(7)

signal.signal(signal.SIGTERM, leave)
scheduler.start()
"""
    )
    returncode, output, _ = interrupted(code, signal.SIGTERM, after="began")
    assert (returncode, output.splitlines()) == (7, ["ended"])


def test_start_returns_after_the_run_that_shuts_it_down() -> None:
    scheduler = BlockingScheduler()
    calls = Recorder()

    def job() -> None:
        scheduler.shutdown()
        calls("after the shutdown")

    scheduler.add_job(job, misfire_grace_time=None)
    scheduler.start()
    assert calls.items == ["after the shutdown"]
    assert not scheduler.running


def test_the_with_form_does_not_block() -> None:
    calls = Recorder()
    with BlockingScheduler() as scheduler:
        scheduler.add_job(calls, "interval", seconds=0.02)
        calls.wait_for(2)
    assert not scheduler.running


def test_it_starts_in_any_thread_and_again() -> None:
    scheduler = BlockingScheduler()
    for _ in range(3):
        started = threading.Event()
        scheduler.add_job(started.set, misfire_grace_time=None)
        thread = threading.Thread(target=scheduler.start)
        thread.start()
        assert started.wait(PATIENCE)
        scheduler.shutdown()
        thread.join(PATIENCE)
        assert not thread.is_alive()
