"""Commands of a template as processes of this machine."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from executors.local import REF, Listening, until_gone, written
from kalends.clock import SystemClock
from kalends.engine.ports import Run, StartRefused
from kalends.engine.schedule import JobTemplate, TaskCall
from kalends.errors import Unavailable
from kalends.executors.commands import CommandsExecutor
from kalends.model import Outcome
from kalends.model.reasons import Reason


@asynccontextmanager
async def commands(size=2):
    executor = CommandsExecutor(size, SystemClock())
    listening = Listening()
    executor.bind(listening.report, lambda uid: None, listening.free)
    try:
        yield executor, listening
    finally:
        await executor.close(0)


def run_of(script: str, *, number=1, limit=None, **spec) -> Run:
    container = {"name": "main", "command": ["sh", "-c", script]}
    template = JobTemplate({}, {}, {"template": {"spec": {"containers": [container]}}, **spec})
    return Run(REF, f"nightly-{number}", number, template, "jobs", time_limit=limit)


async def report_of(script: str, **more):
    async with commands() as (executor, listening):
        await executor.start(run_of(script, **more))
        (report,) = await listening.wait(1)
        return report


async def test_what_a_command_writes_to_its_termination_log_is_its_result():
    report = await report_of('echo "$KALENDS_RUN is done" > $KALENDS_TERMINATION_LOG')
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, "nightly-1 is done")


async def test_a_command_that_fails_tells_its_exit_code_and_what_it_wrote():
    report = await report_of("echo password=hunter2 > $KALENDS_TERMINATION_LOG; exit 3")
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.JOB_FAILED)
    assert report.message == "ended with exit code 3: password=[redacted]"


async def test_a_termination_log_of_megabytes_is_cut():
    report = await report_of("head -c 20000000 /dev/zero | tr '\\0' x > $KALENDS_TERMINATION_LOG")
    assert len(report.result.encode()) <= 1024


async def test_a_command_that_removes_its_termination_log_has_no_result():
    report = await report_of("rm $KALENDS_TERMINATION_LOG")
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, None)


@pytest.mark.parametrize("more", [{"limit": 1}, {"activeDeadlineSeconds": 1}], ids=["resource", "template"])
async def test_a_command_beyond_its_time_limit_is_killed_with_what_it_started(tmp_path, more):
    told = tmp_path / "child"
    async with commands() as (executor, listening):
        await executor.start(run_of(f"sleep 60 & echo $! > {told}; wait", **more))
        child = int(await written(told))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
        await until_gone(child)


async def test_a_command_whose_end_is_wanted_is_killed_and_cancelled():
    async with commands(1) as (executor, listening):
        await executor.start(run_of("sleep 60"))
        await executor.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert report.message == "stopped before it had finished"
        assert executor.free_slots() == 1


async def test_a_command_that_is_not_there_fails_its_run():
    template = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"command": ["/no/such/command"]}]}}})
    async with commands() as (executor, listening):
        await executor.start(Run(REF, "nightly-1", 1, template, "jobs"))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.JOB_FAILED)
        assert report.message.startswith("cannot be started: ")
        assert executor.free_slots() == 2


async def test_where_there_is_no_room_for_a_process_the_run_is_put_off(monkeypatch):
    async def refuse(*args, **kwargs):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async with commands() as (executor, _):
        monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
        with pytest.raises(Unavailable, match="no process can be started"):
            await executor.start(run_of("true"))
        assert executor.free_slots() == 2


@pytest.mark.parametrize(
    "target",
    [
        TaskCall("kalends.echo", (), {}),
        JobTemplate({}, {}, {}),
        JobTemplate({}, {}, {"template": {"spec": {"containers": [{"image": "busybox"}]}}}),
    ],
)
async def test_what_names_no_command_is_refused_for_good(target):
    async with commands() as (executor, _):
        with pytest.raises(StartRefused):
            await executor.start(Run(REF, "nightly-1", 1, target, "jobs"))
