"""Runs of each executor, in real pods and real containers, seen by kubectl."""

from __future__ import annotations

import json

import pytest

from node.namespaces import Namespace, shell_job
from node.places import SHELL

pytestmark = pytest.mark.slow

EVERY_TWO_SECONDS = {"interval": {"seconds": 2}}
SAY_THE_ENVIRONMENT = """\
printf '{"time": "%s", "run": "%s", "attempt": "%s", "last": "%s", "own": "%s"}' \\
  "$KALENDS_SCHEDULED_TIME" "$KALENDS_RUN" "$KALENDS_ATTEMPT" "$KALENDS_LAST_SUCCESS_TIME" "$(id -u)" \\
  > /dev/termination-log
"""


@pytest.mark.parametrize("executor", ["default", "processes"])
def test_a_task_of_an_inline_module_runs_in_the_operators_pod(namespace: Namespace, executor: str) -> None:
    namespace.schedule(
        "task", trigger=EVERY_TWO_SECONDS, executor=executor, task={"name": "nodetasks.where", "args": ["here"]}
    )
    run = namespace.until_run("task")
    result = json.loads(run["result"]) if isinstance(run["result"], str) else run["result"]
    assert result["name"] == "here"
    assert (result["process"] == "1") is (executor == "default")


def test_the_pod_of_a_job_really_runs_and_its_termination_message_is_the_result(namespace: Namespace) -> None:
    namespace.schedule("job", jobTemplate=shell_job("echo result-42 > /dev/termination-log", image=SHELL))
    run = namespace.until_run("job")
    assert run["result"].strip() == "result-42"
    job = namespace.get("job", run["name"])
    assert job["metadata"]["labels"]["kalends.dev/scheduled-job"] == "job"
    assert job["status"]["succeeded"] == 1


def test_what_a_run_should_know_is_in_the_environment_of_its_container(namespace: Namespace) -> None:
    namespace.schedule(
        "env", trigger=EVERY_TWO_SECONDS, maxRuns=2, jobTemplate=shell_job(SAY_THE_ENVIRONMENT, image=SHELL)
    )
    status = namespace.until("env", lambda it: it.get("counts", {}).get("succeeded", 0) == 2)
    second, first = [one for one in status["history"] if one["outcome"] == "Succeeded"]
    reported = json.loads(second["result"])
    assert reported["time"] == second["scheduledTime"]
    assert reported["run"] == second["name"]
    assert reported["attempt"] == "1"
    assert reported["last"] == first["completionTime"]
    assert reported["own"] == "65532"


def test_a_container_that_fails_is_a_failed_run_with_its_last_words(namespace: Namespace) -> None:
    failing = shell_job("echo no more paper > /dev/termination-log; exit 3", image=SHELL)
    namespace.schedule("failing", jobTemplate=failing)
    run = namespace.until_run("failing", "Failed")
    assert "no more paper" in run["message"]
    conditions = {one["type"]: one for one in namespace.status("failing")["conditions"]}
    assert conditions["LastRunSucceeded"]["status"] == "False"
    assert conditions["Ready"]["status"] == "True"
