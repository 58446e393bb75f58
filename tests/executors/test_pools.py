"""One set of claims for every pool, on real threads and real processes."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from pathlib import Path

import pytest

from kalends import current_run, task
from kalends.clock import SystemClock
from kalends.engine.ports import Run, StartRefused
from kalends.engine.schedule import JobTemplate, TaskCall
from kalends.engine.state import Ref
from kalends.executors.pool import PoolExecutor
from kalends.executors.processes import ProcessWorkers
from kalends.executors.threads import ThreadWorkers
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.tasks import Registry, builtin

REF = Ref("default", "nightly", "uid")


@task(name="test.fail")
def fail():
    raise ValueError("no \x00 such\x1b[31m thing")


@task(name="test.unjson")
def unjson():
    return object()


@task(name="test.long")
def long():
    return "x" * 5000


class Reports:
    def __init__(self) -> None:
        self.seen = []
        self.changed = asyncio.Event()

    def __call__(self, report) -> None:
        self.seen.append(report)
        self.changed.set()

    async def wait(self, count: int):
        async with asyncio.timeout(30):
            while len(self.seen) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.seen


def registry() -> Registry:
    import sys

    return Registry([builtin, sys.modules[__name__]])


@pytest.fixture(params=[ThreadWorkers, ProcessWorkers], ids=["threads", "processes"])
async def pool(request):
    made = PoolExecutor(2, request.param(2), registry(), SystemClock())
    yield made
    await made.close(0)


def run_of(name: str, *args, number: int = 1) -> Run:
    return Run(REF, f"nightly-{number}", number, TaskCall(name, args, {}), "default")


async def test_a_task_runs_and_its_value_is_the_result(pool):
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(run_of("kalends.echo", 1, "two"))
    (report,) = await reports.wait(1)
    assert report.outcome is Outcome.SUCCEEDED
    assert json.loads(report.result) == {"args": [1, "two"], "kwargs": {}}


async def test_workers_that_are_taken_are_not_free(pool):
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    assert pool.free_slots() == 2
    await pool.start(run_of("kalends.sleep", 0.2, number=1))
    await pool.start(run_of("kalends.sleep", 0.2, number=2))
    assert pool.free_slots() == 0
    await reports.wait(2)
    assert pool.free_slots() == 2


async def test_what_is_no_task_is_refused(pool):
    with pytest.raises(StartRefused, match="registered task"):
        await pool.start(run_of("os.system", "true"))
    with pytest.raises(StartRefused):
        await pool.start(Run(REF, "nightly-1", 1, JobTemplate({}, {}, {}), "default"))


async def test_a_run_that_is_still_going_when_time_is_up_is_cancelled_and_said_to_be(pool):
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(run_of("kalends.sleep", 20))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await pool.close(0.1)
    assert time.monotonic() - began < 10
    assert (reports.seen[0].outcome, reports.seen[0].reason) == (Outcome.CANCELLED, Reason.SHUTTING_DOWN)


async def thread_pool(size: int = 2):
    made = PoolExecutor(size, ThreadWorkers(size), registry(), SystemClock())
    reports = Reports()
    made.bind(reports, lambda uid: None, lambda: None)
    return made, reports


async def test_an_exception_is_a_failure_with_its_type_and_clean_message():
    pool, reports = await thread_pool()
    await pool.start(run_of("test.fail"))
    (report,) = await reports.wait(1)
    await pool.close(0)
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.EXCEPTION)
    assert report.message == "ValueError: no � such�[31m thing"


async def test_a_value_that_is_no_json_does_not_fail_the_run_and_is_said_not_to_be_kept():
    pool, reports = await thread_pool()
    await pool.start(run_of("test.unjson"))
    (report,) = await reports.wait(1)
    await pool.close(0)
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, None)
    assert "not kept" in report.message


async def test_a_long_result_is_cut_to_one_kibibyte():
    pool, reports = await thread_pool()
    await pool.start(run_of("test.long"))
    (report,) = await reports.wait(1)
    await pool.close(0)
    assert len(report.result.encode()) <= 1024
    assert report.result.endswith("…")


async def test_a_thread_that_was_given_up_is_not_free_until_it_returns():
    release = threading.Event()

    @task(name="test.hang")
    def hang():
        release.wait(20)

    made = registry()
    import types

    module = types.ModuleType("hanging")
    module.hang = hang
    made.add_module(module)
    pool = PoolExecutor(1, ThreadWorkers(1), made, SystemClock())
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(run_of("test.hang"))
    await asyncio.sleep(0.05)
    await pool.cancel("nightly-1", REF, Reason.OWNER_DELETED)
    (report,) = await reports.wait(1)
    assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.OWNER_DELETED)
    assert pool.free_slots() == 0
    release.set()
    async with asyncio.timeout(10):
        while pool.free_slots() != 1:
            await asyncio.sleep(0.01)
    await pool.close(0)


async def test_a_task_knows_which_run_it_is():
    seen = []

    @task(name="test.who")
    async def who():
        seen.append(current_run())

    import types

    module = types.ModuleType("who")
    module.who = who
    pool = PoolExecutor(1, ThreadWorkers(1), Registry([module]), SystemClock())
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(run_of("test.who", number=1_795_000_000))
    await reports.wait(1)
    await pool.close(0)
    assert seen[0].scheduled_time.timestamp() == 1_795_000_000
    assert seen[0].scheduled_job == "nightly"


async def test_a_worker_process_that_dies_fails_its_run_and_the_next_one_has_a_new_worker():
    pool = PoolExecutor(1, ProcessWorkers(1), Registry([builtin, _dying()]), SystemClock())
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(Run(REF, "nightly-1", 1, TaskCall("test.die", (), {}), "default"))
    await reports.wait(1)
    await pool.start(run_of("kalends.echo", number=2))
    first, second = await reports.wait(2)
    await pool.close(0)
    assert (first.outcome, first.reason) == (Outcome.FAILED, Reason.WORKER_DIED)
    assert second.outcome is Outcome.SUCCEEDED


@task(name="test.shell")
def shell():
    import subprocess

    return subprocess.run(["echo", "hello"], check=True).returncode


async def test_a_task_in_a_process_may_start_programs_that_write_to_their_standard_output(monkeypatch):
    # A worker finds tasks by module and name, as its own interpreter imports them.
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setattr(shell, "__module__", Path(__file__).stem)
    pool = PoolExecutor(1, ProcessWorkers(1), registry(), SystemClock())
    reports = Reports()
    pool.bind(reports, lambda uid: None, lambda: None)
    await pool.start(run_of("test.shell"))
    (report,) = await reports.wait(1)
    await pool.close(0)
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, "0"), report.message


def _dying():
    import types

    # os.abort is found in its module by name, as a worker process needs it.
    module = types.ModuleType("dying")
    module.die = type("Die", (), {"__kalends_task__": "test.die", "__module__": "os", "__qualname__": "abort"})
    module.die.__call__ = os.abort
    return module
