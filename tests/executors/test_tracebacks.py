"""A failed task logs where it raised: redacted, of bounded length, and never in the report of the run."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from executors.local import processes, result_of, threads
from executors.odd_tasks import ERRORS, raise_odd
from kalends.executors.results import RESULT_LIMIT
from kalends.executors.tracebacks import LONGEST, MOST_ERRORS, MOST_FRAMES, traceback_text
from kalends.model import Outcome


@pytest.fixture(params=[threads, processes], ids=["threads", "processes"])
def workers(request: Any) -> Any:
    return request.param()


def traceback_of(record: logging.LogRecord) -> str:
    return str(vars(record)["task_traceback"])


async def test_a_failed_task_logs_where_it_and_its_cause_raised_without_secrets(
    workers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    report = await result_of(workers, "odd.leaks")
    (record,) = [record for record in caplog.records if "raised an exception" in record.getMessage()]
    text = traceback_of(record)
    assert (record.levelname, record.name) == ("ERROR", "kalends.executors.pools.pool_run")
    assert record.getMessage() == "default/nightly: nightly-1 raised an exception"
    assert text.startswith("Traceback (most recent call last):\n")
    first, second = text.split("Traceback (most recent call last):\n")[1:]
    assert ", in _connect\n" in first
    assert 'raise ValueError(f"password={password}")' in first
    assert "ValueError: password=[redacted]" in first
    assert '_connect(password="[redacted]")' in first
    assert ", in leak\n" in second
    assert "KeyError: 'connection'" in second
    assert "hunter2" not in text
    assert "Traceback" not in report.message
    assert ", in leak" not in report.message


@pytest.mark.parametrize("task", ["odd.exit", "odd.generator"])
async def test_a_failure_that_is_no_exception_logs_no_traceback(
    workers: Any, task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    report = await result_of(workers, task, *([3] if task == "odd.exit" else []))
    assert report.outcome is Outcome.FAILED
    assert "raised an exception" not in caplog.text


async def test_the_traceback_of_a_deep_recursion_shows_its_innermost_frames(
    workers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await result_of(workers, "odd.recursive", "x")
    (text,) = [traceback_of(record) for record in caplog.records if "raised an exception" in record.getMessage()]
    assert 1 < text.count(", in recurse\n") <= MOST_FRAMES
    assert "RecursionError" in text


@pytest.mark.parametrize("which", ERRORS)
def test_an_exception_whose_own_code_raises_has_a_traceback(which: Any) -> None:
    with pytest.raises(ERRORS[which]) as raised:
        raise_odd(which)
    assert ", in raise_odd\n" in traceback_text(raised.value)


def test_a_chain_of_exceptions_that_has_a_cycle_or_is_long_is_cut() -> None:
    first, second = ValueError("x" * 5000), KeyError("y" * 5000)
    first.__cause__, second.__cause__ = second, first
    text = traceback_text(first)
    assert text.endswith("…")
    assert len(text.encode()) <= MOST_ERRORS * (LONGEST + RESULT_LIMIT + 64)


def test_a_source_file_whose_loader_exits_costs_the_frames_alone() -> None:
    class Loader:
        def get_source(self, name: Any) -> None:
            raise SystemExit(name)

    code = compile("raise ValueError('lost')", "hostile.py", "exec")
    with pytest.raises(ValueError, match="lost") as raised:
        exec(code, {"__name__": "hostile", "__loader__": Loader()})  # noqa: S102 - frames of a module with that loader
    assert traceback_text(raised.value) == "ValueError: lost"
