"""A CRD that is made older under an operator at work, as by a rollback of the release that it came with."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster.operator_process import OperatorProcess, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.waiting import eventually
from kalends.model.crd.definition import crd_manifest

pytestmark = pytest.mark.slow

CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scheduledjobs.kalends.dev"
KINDS: dict[str, Any] = {
    "task": {"task": {"name": "kalends.echo"}},
    "sleeper": {"task": {"name": "kalends.sleep", "args": [3]}, "concurrencyPolicy": "Queue"},
    "job": {
        "jobTemplate": {
            "spec": {
                "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}}
            }
        }
    },
}


def path(namespace: str, name: str) -> str:
    return f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs/{name}"


def replace_crd(api: Api, change: Callable[[Any], None]) -> None:
    crd = api.get(CRD)
    crd["spec"] = crd_manifest()["spec"]
    change(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"])
    status, answer = api.request("PUT", CRD, crd)
    assert status == 200, answer


def without_later_fields(status: Any) -> None:
    """Make the CRD as it was before there were queued runs, requests, holders and a cursor field."""
    for name in ("queued", "handledRequests", "lastRequestTime", "decidedUntilTime"):
        del status[name]
    for name in ("queued", "requested"):
        del status["counts"]["properties"][name]
    del status["active"]["items"]["properties"]["holder"]


@pytest.fixture
def restored_crd(api: Api) -> Iterator[None]:
    yield
    replace_crd(api, lambda _: None)


def conditions(status: Any) -> dict[str, Any]:
    return {one["type"]: one for one in status["conditions"]}


@pytest.mark.usefixtures("restored_crd", "node")
def test_a_leader_stops_and_continues_and_its_successor_finds_whole_records(
    installed: Cluster, api: Api, operator: OperatorProcess, namespace: str
) -> None:
    for name, spec in KINDS.items():
        manifest = scheduled_job(name, namespace, trigger={"interval": {"seconds": 1}}, **spec)
        api.create(path(namespace, ""), manifest)
    eventually(lambda: all(status_of(api, namespace, name)["counts"]["succeeded"] >= 2 for name in KINDS))

    replace_crd(api, without_later_fields)
    eventually(lambda: operator.page("/readyz")[0] == 503)
    assert "[-] crd: the CRD is older than this operator: it" in operator.page("/readyz")[1]
    assert "kalends_crd_outdated 1.0" in operator.page("/metrics")[1]
    time.sleep(5)  # what it had begun to write arrives
    versions = {name: api.get(path(namespace, name))["metadata"]["resourceVersion"] for name in KINDS}
    jobs = len(api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs"))
    time.sleep(8)
    assert versions == {name: api.get(path(namespace, name))["metadata"]["resourceVersion"] for name in KINDS}
    assert len(api.items(f"/apis/batch/v1/namespaces/{namespace}/jobs")) <= jobs
    installed.kubectl("annotate", "scheduledjob", "task", "team=payments", "--namespace", namespace)

    replace_crd(api, lambda _: None)
    eventually(lambda: operator.page("/readyz")[0] == 200)
    before = {name: due(api, namespace, name) for name in KINDS}
    eventually(lambda: all(due(api, namespace, name) > before[name] + 3 for name in KINDS))
    assert_whole(api, namespace)

    operator.kill()
    operator.start()
    before = {name: due(api, namespace, name) for name in KINDS}
    eventually(lambda: all(due(api, namespace, name) > before[name] + 3 for name in KINDS))
    assert_whole(api, namespace)


def status_of(api: Api, namespace: str, name: str) -> Any:
    status = api.get(path(namespace, name)).get("status") or {}
    return {"counts": {"due": 0, "succeeded": 0}, **status}


def due(api: Api, namespace: str, name: str) -> int:
    return int(status_of(api, namespace, name)["counts"]["due"])


def assert_whole(api: Api, namespace: str) -> None:
    """Find every fire time since the creation accounted for, and none of them twice."""
    for name in KINDS:
        obj = api.get(path(namespace, name))
        status = obj["status"]
        counts = status["counts"]
        assert conditions(status)["Ready"]["reason"] == "Armed", status
        decided = counts["started"] + counts["missed"] + counts["coalesced"] + counts["skipped"] + counts["queued"]
        assert counts["due"] == decided, counts
        passed = seconds(status["decidedUntilTime"]) - seconds(status["armedTime"])
        assert abs(counts["due"] - passed) <= 1, (counts, passed)


def seconds(instant: str) -> int:
    day, hours, minutes, secs = re.findall(r"\d+", instant)[2:6]
    return ((int(day) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(secs)
