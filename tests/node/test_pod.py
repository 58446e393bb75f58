"""The operator's pod, as `kubectl logs`, `kubectl exec` and the notes of the chart show it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from cluster.walk import Shell
from node.deployment import Deployment
from node.namespaces import Namespace

pytestmark = pytest.mark.slow


def lines(kalends: Deployment) -> list[list[dict[str, Any]]]:
    """Return the log of each pod, but for what tasks write themselves."""
    logs = [kalends.log(pod["metadata"]["name"]).splitlines() for pod in kalends.pods()]
    return [[json.loads(line) for line in log if '"at_start"' not in line] for log in logs]


def test_each_line_of_the_log_is_an_object_with_a_time_a_level_and_a_message(
    kalends: Deployment, namespace: Namespace
) -> None:
    namespace.schedule("heard", task={"name": "nodetasks.where", "args": ["here"]})
    namespace.until_run("heard")
    for log in lines(kalends):
        for line in log:
            assert line.keys() >= {"time", "level", "logger", "message"}, line
            assert datetime.fromisoformat(line["time"]).utcoffset() is not None
        assert log[0]["message"].startswith("Kalends 0.1.0, called kalends-")
        assert log[0]["message"].endswith("watches all namespaces")
    messages = [line["message"] for log in lines(kalends) for line in log]
    assert any(message.startswith(f"{namespace.name}/heard: started 1") for message in messages)
    assert any(message.startswith(f"{namespace.name}/heard: heard-") for message in messages)


def test_a_quiet_installation_warns_of_nothing_and_fails_at_nothing(kalends: Deployment, namespace: Namespace) -> None:
    loud = [line for log in lines(kalends) for line in log if line["level"] in {"error", "critical"}]
    assert loud == []


def test_the_pod_has_no_more_permissions_than_it_needs(kalends: Deployment) -> None:
    pod = kalends.pods()[0]["metadata"]["name"]
    script = "import os; print(os.getuid()); open('/tmp/x', 'w').close(); open('/opt/x', 'w')"
    result = kalends.cluster.kubectl(
        "exec", pod, "--namespace", kalends.home.name, "--", "python3", "-c", script, check=False
    )
    assert result.stdout.split() == ["65532"]
    assert "Read-only file system: '/opt/x'" in result.stderr


def test_the_image_knows_its_own_command_line(kalends: Deployment) -> None:
    pod = kalends.pods()[0]["metadata"]["name"]
    assert kalends.home.kubectl("exec", pod, "--", "kalends", "version").startswith("kalends 0.1.0")


def test_the_metrics_are_reached_through_the_service(kalends: Deployment) -> None:
    proxied = f"/api/v1/namespaces/{kalends.home.name}/services/kalends-metrics:http/proxy/metrics"
    page = kalends.cluster.kubectl("get", "--raw", proxied).stdout
    assert "kalends_leader " in page


def test_the_commands_of_the_chart_notes_can_be_typed(kalends: Deployment, shell: Shell) -> None:
    notes = kalends.helm("get", "notes", "kalends", "--namespace", kalends.home.name)
    commands = [line[2:] for line in notes.splitlines() if line.startswith("  ")]
    typed = "\n".join(line for line in commands if not line.endswith("--watch"))
    try:
        said = shell(typed)
        assert 'deployment "kalends" successfully rolled out' in said
        Namespace(kalends.cluster, "default").until_run("heartbeat")
    finally:
        kalends.cluster.kubectl("delete", "scheduledjob", "heartbeat", "--namespace=default", "--ignore-not-found")
