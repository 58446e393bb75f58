"""What one run leaves behind in a worker process reaches no run of another resource, and answers for none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from executors.local import PATIENCE, pool_of, processes, registry, result_of, run_of, until_gone, written
from kalends.engine.core.state import Ref
from kalends.errors import StartRefused, Unavailable
from kalends.executors.pools.processes import ProcessWorkers
from kalends.executors.pools.resolvers import RegisteredTasks
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.tasks import Registry
from narrowing import present

OTHER = Ref("default", "other", "uid of the other")
OUT_OF_TURN = "its worker process sent what it was not asked for, and was killed"


async def results_of(workers: ProcessWorkers, *runs: Any, size: int = 1) -> Any:
    """Return how runs ended, which start one after another."""
    async with pool_of(workers, size) as (pool, listening):
        for number, run in enumerate(runs, 1):
            await pool.start(run)
            await listening.wait(number)
        return listening.reports


async def test_a_run_of_another_resource_finds_the_state_in_which_the_operator_started() -> None:
    runs = [
        run_of("leave.look", number=1),
        run_of("leave.behind", number=2),
        run_of("leave.look", number=3, ref=OTHER),
    ]
    before, left, after = [json.loads(report.result) for report in await results_of(processes(), *runs)]
    assert (left["cwd"], left["left"], left["recursion"]) == ("/", "behind", 200)
    assert left.pop("pid") != after.pop("pid")
    before.pop("pid")
    assert after == before
    assert after["patched"] == "result_text"


async def test_runs_of_one_resource_share_a_process_for_as_many_as_the_settings_say() -> None:
    runs = [run_of("test.process", number=number) for number in range(7)]
    reports = await results_of(ProcessWorkers(RegisteredTasks(registry()), runs_per_worker=3), *runs)
    pids = [report.result for report in reports]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


async def test_with_one_run_for_each_worker_every_run_has_its_own_process() -> None:
    runs = [run_of("test.process", number=number) for number in range(4)]
    reports = await results_of(ProcessWorkers(RegisteredTasks(registry()), runs_per_worker=1), *runs)
    assert len({report.result for report in reports}) == 4


async def test_idle_workers_of_other_resources_are_ended_where_there_are_more_than_were_ever_busy_at_once() -> None:
    refs = [Ref("default", f"s{number}", f"uid of {number}") for number in range(4)]
    workers = processes()
    async with pool_of(workers, 2) as (pool, listening):
        for number, ref in enumerate(refs, 1):
            await pool.start(run_of("test.process", number=number, ref=ref))
            await listening.wait(number)
        for report in listening.reports[:-1]:
            await until_gone(int(present(report.result)))
        await pool.start(run_of("test.process", number=9, ref=refs[-1]))
        *_, last, again = await listening.wait(5)
        assert again.result == last.result


async def test_a_task_that_gives_the_next_answer_as_well_fails_and_the_next_run_is_its_own() -> None:
    first, second = await results_of(
        processes(), run_of("leave.forge", number=1), run_of("kalends.echo", "mine", number=2)
    )
    assert (first.outcome, first.reason, first.message) == (Outcome.FAILED, Reason.WORKER_DIED, OUT_OF_TURN)
    assert (second.outcome, second.result) == (Outcome.SUCCEEDED, '{"args":["mine"],"kwargs":{}}')


async def test_an_answer_that_is_sent_between_two_runs_costs_the_worker_and_neither_run(tmp_path: Path) -> None:
    asked, note = tmp_path / "asked", tmp_path / "sent"
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("leave.forge_later", str(asked), str(note), number=1))
        await listening.wait(1)
        asked.touch()
        await written(note)
        await pool.start(run_of("kalends.echo", "mine", number=2))
        first, second = await listening.wait(2)
        assert (first.outcome, first.result) == (Outcome.SUCCEEDED, '"mine"')
        assert (second.outcome, second.result) == (Outcome.SUCCEEDED, '{"args":["mine"],"kwargs":{}}')


async def test_an_answer_with_the_token_of_an_earlier_run_is_no_answer(tmp_path: Path) -> None:
    note = tmp_path / "asked"
    _, second = await results_of(
        processes(), run_of("leave.forge_when_asked", str(note), number=1), run_of("leave.wait", str(note), number=2)
    )
    assert (second.outcome, second.message) == (Outcome.FAILED, OUT_OF_TURN)


async def test_what_a_worker_had_started_is_gone_when_the_worker_has_died(tmp_path: Path) -> None:
    pid_file = tmp_path / "child"
    report = await result_of(processes(), "leave.program_and_die", str(pid_file))
    assert (report.reason, report.message) == (Reason.WORKER_DIED, "its worker process ended with exit code 3")
    await until_gone(int(await written(pid_file)))


async def test_a_program_that_outlives_its_parent_is_reaped() -> None:
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("leave.orphan"))
        (report,) = await listening.wait(1)
        async with asyncio.timeout(PATIENCE):
            while _is_there(present(report.result)):
                await asyncio.sleep(0.01)


def _is_there(pid: str) -> bool:
    """Return whether a process has not been reaped yet."""
    return Path(f"/proc/{pid}").exists()


async def test_where_the_process_that_starts_workers_dies_its_runs_fail_and_the_next_one_has_another(
    tmp_path: Path,
) -> None:
    pid_file = tmp_path / "pid"
    async with pool_of(processes(), 1) as (pool, listening):
        await pool.start(run_of("test.report_parent", str(pid_file), number=1))
        os.kill(int(await written(pid_file)), signal.SIGKILL)
        await listening.wait(1)
        await pool.start(run_of("kalends.echo", number=2))
        first, second = await listening.wait(2)
        assert (first.outcome, first.reason) == (Outcome.FAILED, Reason.WORKER_DIED)
        assert second.outcome is Outcome.SUCCEEDED


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a module that the operator has imported, and that a worker process imports from the same file."""
    file = tmp_path / "shifting_tasks.py"
    file.write_text("import kalends\n@kalends.task(name='shifting')\ndef shifting(): return 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield file
    sys.modules.pop("shifting_tasks", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1", "a worker process that imports the module 'shifting_tasks' finds no task 'shifting' in it"),
        (
            "raise ValueError('no display')",
            "the module 'shifting_tasks' cannot be imported in a worker process: ValueError: no display",
        ),
        (
            "import os; os._exit(3)",
            (
                "the module 'shifting_tasks' cannot be imported in a worker process: "
                "its worker process ended with exit code 3"
            ),
        ),
    ],
)
async def test_a_task_that_a_worker_process_cannot_find_is_refused_when_the_resource_is_checked(
    module: Path, content: str, message: str
) -> None:
    workers = ProcessWorkers(RegisteredTasks(Registry.load(["shifting_tasks"])))
    module.write_text(content)  # noqa: ASYNC240 - nothing else runs
    async with pool_of(workers, 1) as (pool, _):
        with pytest.raises(StartRefused) as refused:
            await pool.check(run_of("shifting"))
        assert (refused.value.reason, refused.value.message) == (Reason.UNKNOWN_TASK, message)
        assert pool.free_slots() == 1


async def test_a_task_is_looked_for_once_without_taking_a_worker(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = ProcessWorkers(RegisteredTasks(Registry.load(["shifting_tasks"])))
    async with pool_of(workers, 1) as (pool, listening):
        await pool.check(run_of("shifting"))
        module.write_text("x = 1")  # noqa: ASYNC240 - nothing else runs
        await pool.check(run_of("shifting", ref=OTHER))
        assert (pool.free_slots(), listening.times_freed) == (1, 0)


async def test_where_no_worker_can_be_started_a_resource_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with pool_of(processes(), 1) as (pool, _):
        with pytest.raises(Unavailable, match="the process that starts workers ended with exit code 1"):
            await pool.check(run_of("kalends.echo"))


async def test_arguments_that_cannot_be_sent_refuse_the_run_permanently() -> None:
    deep = orjson.Fragment(b"[" * 900 + b"]" * 900)
    async with pool_of(processes(), 1) as (pool, listening):
        with pytest.raises(StartRefused, match="it could not be started: RecursionError") as refused:
            await pool.start(run_of("kalends.echo", deep))
        assert refused.value.reason == Reason.INTERNAL_ERROR
        assert (pool.free_slots(), listening.reports) == (1, [])
