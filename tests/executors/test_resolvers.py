"""What a pool calls: registered tasks, callables by their import path, callables of this process."""

from __future__ import annotations

from typing import Any

import pytest

from executors.local import REF, pool_of, registry, run_of
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.ports import Run
from kalends.errors import StartRefused
from kalends.executors.pools.processes import ProcessWorkers
from kalends.executors.pools.resolvers import GivenCallables, ImportPaths, RegisteredTasks
from kalends.executors.pools.threads import ThreadWorkers
from kalends.model import Outcome
from kalends.model.reasons import Reason

CALLABLES = GivenCallables({"double": lambda number: 2 * number, "set": lambda: {1, 2}, "divide": lambda: 1 / 0})


async def report_of(workers: Any, name: Any, *args: Any) -> Any:
    async with pool_of(workers, 1) as (pool, listening):
        await pool.check(run_of(name, *args))
        await pool.start(run_of(name, *args))
        (report,) = await listening.wait(1)
        return report


async def test_a_thread_calls_a_lambda_and_reports_the_value_itself() -> None:
    report = await report_of(ThreadWorkers(CALLABLES), "double", 21)
    assert (report.outcome, report.result, report.value) == (Outcome.SUCCEEDED, "42", 42)


async def test_a_value_need_not_be_json_to_be_reported() -> None:
    assert (await report_of(ThreadWorkers(CALLABLES), "set")).value == {1, 2}


async def test_a_thread_reports_the_exception_itself() -> None:
    report = await report_of(ThreadWorkers(CALLABLES), "divide")
    assert report.outcome is Outcome.FAILED
    assert isinstance(report.exception, ZeroDivisionError)


@pytest.mark.parametrize("workers", [ThreadWorkers, ProcessWorkers])
async def test_a_callable_is_found_by_its_import_path(workers: Any) -> None:
    report = await report_of(workers(ImportPaths()), "os.path:basename", "/etc/hosts")
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, '"hosts"')


async def test_what_a_process_returns_crosses_as_text_alone() -> None:
    report = await report_of(ProcessWorkers(ImportPaths()), "os.path:basename", "/etc/hosts")
    assert (report.value, report.exception) == (None, None)


async def test_a_lambda_is_refused_by_a_pool_of_processes_before_any_run() -> None:
    async with pool_of(ProcessWorkers(CALLABLES)) as (pool, _):
        with pytest.raises(StartRefused, match="use an executor of threads"):
            await pool.check(run_of("double", 1))


@pytest.mark.parametrize(
    ("resolver", "name", "message"),
    [
        (CALLABLES, "triple", r"must be the name of a callable \(divide, double, set\), got 'triple'"),
        (ImportPaths(), "os.path:basenome", "must be `module:name` of a callable"),
        (ImportPaths(), "os.path:sep", "got 'os.path:sep': it is of type str"),
        (ImportPaths(), "nowhere:f", "must be `module:name` of a callable"),
        (ImportPaths(), "basename", "must be `module:name` of a callable"),
        (RegisteredTasks(registry()), "os.path:basename", "must be the name of a registered task"),
    ],
)
async def test_what_does_not_exist_is_refused_with_what_is_accepted(resolver: Any, name: Any, message: str) -> None:
    with pytest.raises(StartRefused, match=message) as refused:
        resolver.resolve(run_of(name).target)
    assert refused.value.reason is Reason.UNKNOWN_TASK


@pytest.mark.parametrize("resolver", [CALLABLES, ImportPaths(), RegisteredTasks(registry())])
def test_a_job_template_is_nothing_that_a_pool_calls(resolver: Any) -> None:
    run = Run(REF, "nightly-1", 1, JobTemplate({}, {}, {}), "default")
    with pytest.raises(StartRefused, match="needs Kubernetes"):
        resolver.resolve(run.target)
