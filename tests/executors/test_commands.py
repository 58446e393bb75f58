"""Commands of a template as processes of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from executors.local import REF, Listening, until_gone, written
from kalends.clock import SystemClock
from kalends.engine.core.schedule import JobTemplate, TaskCall
from kalends.engine.ports import Run
from kalends.errors import StartRefused, Unavailable
from kalends.executors.local_jobs.pool import CommandsExecutor
from kalends.model import Outcome
from kalends.model.reasons import Reason


@asynccontextmanager
async def commands(size: int = 2) -> AsyncIterator[Any]:
    executor = CommandsExecutor(size, SystemClock())
    listening = Listening()
    await executor.open(listening)
    try:
        yield executor, listening
    finally:
        await executor.close(0)


def run_of(script: str, *, number: int = 1, limit: int | None = None, **spec: Any) -> Run:
    container = {"name": "main", "command": ["sh", "-c", script]}
    template = JobTemplate({}, {}, {"template": {"spec": {"containers": [container]}}, **spec})
    return Run(REF, f"nightly-{number}", number, template, "jobs", time_limit=limit)


async def report_of(script: str, **more: Any) -> Any:
    async with commands() as (executor, listening):
        await executor.start(run_of(script, **more))
        (report,) = await listening.wait(1)
        return report


async def test_what_a_command_writes_to_its_termination_log_is_its_result() -> None:
    report = await report_of('echo "$KALENDS_RUN is done" > $KALENDS_TERMINATION_LOG')
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, "nightly-1 is done")


async def test_a_command_that_fails_tells_its_exit_code_and_what_it_wrote() -> None:
    report = await report_of("echo password=hunter2 > $KALENDS_TERMINATION_LOG; exit 3")
    assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.JOB_FAILED)
    assert report.message == "ended with exit code 3: password=[redacted]"


async def test_a_termination_log_of_megabytes_is_cut() -> None:
    report = await report_of("head -c 20000000 /dev/zero | tr '\\0' x > $KALENDS_TERMINATION_LOG")
    assert len(report.result.encode()) <= 1024


async def test_a_command_that_removes_its_termination_log_has_no_result() -> None:
    report = await report_of("rm $KALENDS_TERMINATION_LOG")
    assert (report.outcome, report.result) == (Outcome.SUCCEEDED, None)


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"limit": 5}, {"activeDeadlineSeconds": 5}], ids=["resource", "template"])
async def test_a_command_beyond_its_time_limit_is_killed_with_what_it_started(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    pid_file = tmp_path / "child"
    async with commands() as (executor, listening):
        await executor.start(run_of(f"sleep 60 & echo $! > {pid_file}; wait", **more))
        child = int(await written(pid_file))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.TIMED_OUT, Reason.TIMED_OUT)
        await until_gone(child)


async def test_a_command_whose_end_is_wanted_is_killed_and_cancelled() -> None:
    async with commands(1) as (executor, listening):
        await executor.start(run_of("sleep 60"))
        await executor.cancel("nightly-1", REF, Reason.REPLACED)
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.CANCELLED, Reason.REPLACED)
        assert report.message == "stopped before it had finished"
        assert executor.free_slots() == 1


async def test_a_command_that_is_not_there_fails_its_run() -> None:
    template = JobTemplate({}, {}, {"template": {"spec": {"containers": [{"command": ["/no/such/command"]}]}}})
    async with commands() as (executor, listening):
        await executor.start(Run(REF, "nightly-1", 1, template, "jobs"))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.JOB_FAILED)
        assert report.message.startswith("cannot be started: ")
        assert executor.free_slots() == 2


async def test_where_there_is_no_room_for_a_process_the_run_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*args: Any, **kwargs: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    async with commands() as (executor, _):
        monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
        with pytest.raises(Unavailable, match="no process can be started"):
            await executor.start(run_of("true"))
        assert executor.free_slots() == 2


def template_of(container: dict[str, Any] | None = None, pod: dict[str, Any] | None = None, **job: Any) -> JobTemplate:
    containers = [{"name": "main", "command": ["true"], **(container or {})}]
    return JobTemplate({}, {}, {"template": {"spec": {"containers": containers, **(pod or {})}}, **job})


def of(target: Any) -> Run:
    return Run(REF, "nightly-1", 1, target, "jobs")


CONTAINER = "spec.jobTemplate.spec.template.spec.containers[0]"


@pytest.mark.parametrize(
    ("target", "reason", "message"),
    [
        (TaskCall("kalends.echo", (), {}), Reason.INVALID_JOB_TEMPLATE, "spec.jobTemplate: must be set"),
        (JobTemplate({}, {}, {}), Reason.INVALID_JOB_TEMPLATE, "spec.jobTemplate.spec.template: must be an object"),
        (template_of(pod={"containers": []}), Reason.INVALID_JOB_TEMPLATE, "containers: must hold a container"),
        (
            template_of({"command": None, "args": ["x"]}),
            Reason.INVALID_JOB_TEMPLATE,
            f"{CONTAINER}.command: must be set",
        ),
        (template_of({"command": "true"}), Reason.INVALID_JOB_TEMPLATE, f"{CONTAINER}.command: must be a list"),
        (
            template_of({"env": [{"value": "x"}]}),
            Reason.INVALID_JOB_TEMPLATE,
            f"{CONTAINER}.env[0].name: must be the name",
        ),
        (
            template_of(pod={"containers": [{"command": ["true"]}, {"command": ["false"]}]}),
            Reason.NOT_SUPPORTED,
            "containers: must be one container to run without a cluster",
        ),
        (
            template_of(pod={"initContainers": [{"name": "first"}]}),
            Reason.NOT_SUPPORTED,
            "spec.initContainers: must not be set to run without a cluster",
        ),
        (template_of(pod={"volumes": [{"name": "data"}]}), Reason.NOT_SUPPORTED, "spec.volumes: must not be set"),
        (template_of({"volumeMounts": [{}]}), Reason.NOT_SUPPORTED, f"{CONTAINER}.volumeMounts: must not be set"),
        (template_of({"envFrom": [{}]}), Reason.NOT_SUPPORTED, f"{CONTAINER}.envFrom: must not be set"),
        (template_of({"lifecycle": {"preStop": {}}}), Reason.NOT_SUPPORTED, f"{CONTAINER}.lifecycle: must not be set"),
        (
            template_of({"env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": {"secretKeyRef": {}}}]}),
            Reason.NOT_SUPPORTED,
            f"{CONTAINER}.env[1].valueFrom: must not be set",
        ),
        (template_of(parallelism=2), Reason.NOT_SUPPORTED, "spec.jobTemplate.spec.parallelism: must be 1"),
        (template_of(suspend=True), Reason.NOT_SUPPORTED, "spec.jobTemplate.spec.suspend: must not be set"),
    ],
)
async def test_a_template_that_needs_a_cluster_or_names_no_command_is_refused_with_the_reason(
    target: JobTemplate | TaskCall, reason: Reason, message: str
) -> None:
    async with commands() as (executor, _):
        with pytest.raises(StartRefused) as refused:
            await executor.check(of(target))
        assert refused.value.reason == reason
        assert message in refused.value.message


async def test_what_says_only_where_and_how_much_is_left_aside() -> None:
    target = template_of(
        {"image": "busybox", "resources": {"limits": {"memory": "1Gi"}}, "volumeMounts": []},
        {"restartPolicy": "Never", "nodeSelector": {"disk": "fast"}, "initContainers": []},
        backoffLimit=2,
        completions=1,
    )
    async with commands() as (executor, listening):
        await executor.start(of(target))
        assert (await listening.wait(1))[0].outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(B)", "1-x"),
        ("$(A)$(KALENDS_RUN)", "1nightly-1"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(NONE) $(HOME) $A $(A", "$(NONE) $(HOME) $A $(A"),
        ("$(LATER)", "-"),
    ],
)
async def test_references_to_variables_are_replaced_as_kubernetes_does(text: str, expanded: str) -> None:
    variables = [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$(A)-x"},
        {"name": "LATER", "value": ""},
        {"name": "LATER", "value": "-"},
    ]
    script = 'printf %s "$1" > $KALENDS_TERMINATION_LOG'
    target = template_of({"command": ["sh", "-c", script, "sh"], "args": [text], "env": variables})
    async with commands() as (executor, listening):
        await executor.start(of(target))
        assert (await listening.wait(1))[0].result == expanded


async def test_a_variable_that_the_template_sets_itself_is_kept_and_does_not_see_those_below_it() -> None:
    variables = [{"name": "KALENDS_RUN", "value": "mine $(BELOW)"}, {"name": "BELOW", "value": "x"}]
    target = template_of({"command": ["sh", "-c", 'echo "$KALENDS_RUN" > $KALENDS_TERMINATION_LOG'], "env": variables})
    async with commands() as (executor, listening):
        await executor.start(of(target))
        assert (await listening.wait(1))[0].result == "mine $(BELOW)"


async def test_a_command_starts_in_its_working_folder(tmp_path: Path) -> None:
    target = template_of({"command": ["sh", "-c", "pwd > $KALENDS_TERMINATION_LOG"], "workingDir": str(tmp_path)})
    async with commands() as (executor, listening):
        await executor.start(of(target))
        assert (await listening.wait(1))[0].result == str(tmp_path)


async def test_a_working_folder_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    async with commands() as (executor, listening):
        await executor.start(of(template_of({"workingDir": str(tmp_path / "none")})))
        (report,) = await listening.wait(1)
        assert (report.outcome, report.reason) == (Outcome.FAILED, Reason.JOB_FAILED)
        assert "none" in report.message
