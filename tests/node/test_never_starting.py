"""Pods that never start: who waits for them, and for how long, is up to pendingTimeoutSeconds."""

from __future__ import annotations

import pytest

from node.namespaces import Namespace, shell_job
from node.places import SHELL

pytestmark = pytest.mark.slow


def test_a_pod_that_never_starts_is_given_up(namespace: Namespace) -> None:
    nowhere = shell_job("true", image="kalends-test/there-is-no-such-image:1")
    nowhere["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    namespace.schedule("nowhere", pendingTimeoutSeconds=5, jobTemplate=nowhere)
    run = namespace.until_run("nowhere", "Failed")
    assert run["reason"] == "PendingTimeout"
    assert "ErrImageNeverPull" in run["message"]
    assert namespace.all("pods") == []


def test_a_job_whose_pods_are_refused_is_given_up(namespace: Namespace) -> None:
    privileged = shell_job("true", image=SHELL)
    privileged["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    namespace.schedule("privileged", pendingTimeoutSeconds=5, jobTemplate=privileged)
    run = namespace.until_run("privileged", "Failed")
    assert run["reason"] == "PendingTimeout"
