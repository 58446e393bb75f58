"""kubectl as its users use it, beside an operator that writes statuses all the while."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.operator_process import OperatorProcess
from devcluster import Cluster
from devcluster.waiting import eventually

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("0*/scheduledjob.yaml"))
HEARTBEAT = {"trigger": {"interval": {"seconds": 2}}, "task": {"name": "kalends.echo", "args": ["here"]}}


def manifest(name: str, **spec: Any) -> str:
    return json.dumps(
        {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob", "metadata": {"name": name}, "spec": spec}
    )


def test_a_schedule_that_was_applied_is_waited_for(
    installed: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    here = ("--namespace", namespace)
    installed.kubectl("apply", "-f", "-", *here, input=manifest("tick", **HEARTBEAT))
    installed.kubectl("wait", "--for=condition=Ready", "schj/tick", "--timeout=30s", *here)
    installed.kubectl("wait", "--for=condition=LastRunSucceeded", "schj/tick", "--timeout=30s", *here)
    wide = installed.kubectl("get", "schj", "tick", "--output=wide", *here).stdout.splitlines()
    narrow = installed.kubectl("get", "schj", "tick", *here).stdout.splitlines()
    assert set(re.split(r"\s{2,}", narrow[0])) < set(re.split(r"\s{2,}", wide[0]))
    assert "every 2s" in wide[1]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_applied_again_on_the_server_nothing_conflicts_and_nothing_differs(
    installed: Cluster, operator: OperatorProcess, namespace: str, example: Path
) -> None:
    ours = ("--namespace", namespace, "--filename", example)
    installed.kubectl("apply", "--server-side", *ours)
    name = yaml.safe_load(example.read_text())["metadata"]["name"]
    get = ("get", "scheduledjob", name, "--namespace", namespace, "--output=jsonpath={.status.observedGeneration}")
    eventually(lambda: installed.kubectl(*get).stdout == "1")
    assert installed.kubectl("apply", "--server-side", *ours).stdout.endswith("serverside-applied\n")
    assert installed.kubectl(*get).stdout == "1"  # no generation more: it is what it was
    assert installed.kubectl("diff", "--server-side", *ours, check=False).stdout == ""


def test_applied_by_the_client_nothing_differs_either(
    installed: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    example = EXAMPLES[0]
    ours = ("--namespace", namespace, "--filename", example)
    installed.kubectl("apply", *ours)
    assert installed.kubectl("apply", *ours).stdout.endswith("unchanged\n")
    assert installed.kubectl("diff", *ours, check=False).stdout == ""


def test_who_is_suspended_is_asked_by_a_field_selector(
    installed: Cluster, operator: OperatorProcess, namespace: str
) -> None:
    here = ("--namespace", namespace)
    for name, suspend in (("awake", False), ("asleep", True)):
        installed.kubectl("apply", "-f", "-", *here, input=manifest(name, **HEARTBEAT, suspend=suspend))
    asleep = installed.kubectl("get", "schj", "--field-selector=spec.suspend=true", "--output=name", *here).stdout
    assert asleep == "scheduledjob.kalends.dev/asleep\n"
    installed.kubectl("wait", "--for=condition=Ready", "schj", "--all", "--timeout=30s", *here)


def test_what_installs_without_helm_is_applied_twice_without_a_conflict(installed: Cluster, tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "charts" / "manifests.py", tmp_path], check=True)
    crds, install = tmp_path / "crds.yaml", tmp_path / "install.yaml"
    # Tests that share the cluster have applied the CRD before; who applied it is the same kubectl.
    installed.kubectl("apply", "--server-side", "--force-conflicts", "--filename", crds, "--filename", install)
    try:
        said = installed.kubectl("apply", "--server-side", "--filename", install).stdout
        assert len(said.splitlines()) == len([one for one in yaml.safe_load_all(install.read_text()) if one])
        assert installed.kubectl("diff", "--server-side", "--filename", install, check=False).stdout == ""
        pod = ("get", "deployment", "kalends", "--namespace=kalends-system", "--output=jsonpath={.spec.replicas}")
        assert installed.kubectl(*pod).stdout == "1"
    finally:
        installed.kubectl("delete", "--ignore-not-found", "--wait=false", "--filename", install)
        installed.kubectl("get", "crd", "scheduledjobs.kalends.dev")
