"""Restores without status, and with a status that follows in a second request, as Velero makes them."""

from __future__ import annotations

import time
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from cluster.operator_process import OperatorProcess, scheduled_job
from devcluster.api import Api
from devcluster.waiting import eventually

pytestmark = pytest.mark.slow

ECHO = {"task": {"name": "kalends.echo"}}
REQUEST = "kalends.dev/run-requested"
NEVER: dict[str, Any] = {"schedule": "0 0 29 2 *"}


def path(namespace: str, name: str = "") -> str:
    base = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    return f"{base}/{name}" if name else base


def made(namespace: str, name: str, *, restored: bool = False, request: str = "", **spec: Any) -> Any:
    manifest = scheduled_job(name, namespace, **ECHO, **spec)
    if restored:
        manifest["metadata"]["labels"] = {"velero.io/restore-name": "january"}
    if request:
        manifest["metadata"]["annotations"] = {REQUEST: request}
    return manifest


def status(api: Api, namespace: str, name: str) -> Any:
    return api.get(path(namespace, name)).get("status") or {}


def started(api: Api, namespace: str, name: str) -> int:
    return int(status(api, namespace, name)["counts"]["started"])


def is_gone(api: Api, namespace: str, name: str) -> bool:
    return api.request("GET", path(namespace, name))[0] == HTTPStatus.NOT_FOUND


def is_seen(api: Api, namespace: str, name: str) -> bool:
    return bool(status(api, namespace, name).get("counts"))


def test_requests_that_were_made_with_a_resource_do_not_run_and_later_ones_do(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    operator.kill()
    api.create(path(namespace), made(namespace, "cloned", request="ticket-4711", **NEVER))
    api.create(path(namespace), made(namespace, "asked", **NEVER))
    time.sleep(1.1)
    api.patch(path(namespace, "asked"), {"metadata": {"annotations": {REQUEST: "now"}}})
    operator.start()
    eventually(lambda: is_seen(api, namespace, "asked") and started(api, namespace, "asked") == 1)
    eventually(lambda: is_seen(api, namespace, "cloned"))
    assert started(api, namespace, "cloned") == 0
    assert status(api, namespace, "cloned")["handledRequests"] == ["ticket-4711"]
    api.patch(path(namespace, "cloned"), {"metadata": {"annotations": {REQUEST: "ticket-4712"}}})
    eventually(lambda: started(api, namespace, "cloned") == 1)


def test_what_is_restored_while_the_operator_runs_does_not_run_again(
    api: Api, operator: OperatorProcess, namespace: str
) -> None:
    assert operator.is_ready()
    specs: dict[str, Any] = {"once": {}, "limited": {"trigger": {"interval": {"seconds": 1}}, "maxRuns": 2}}
    for name, spec in specs.items():
        api.create(path(namespace), made(namespace, name, **spec))
    eventually(lambda: all(is_seen(api, namespace, name) for name in specs))
    eventually(lambda: started(api, namespace, "once") == 1 and started(api, namespace, "limited") == 2)
    time.sleep(1)
    backup = {name: status(api, namespace, name) for name in specs}
    for name in specs:
        api.request("DELETE", path(namespace, name))
        eventually(partial(is_gone, api, namespace, name))
    for name, spec in specs.items():
        api.create(path(namespace), made(namespace, name, restored=True, **spec))
        api.create(path(namespace), made(namespace, f"{name}-bare", restored=True, **spec))
    time.sleep(1)
    for name in specs:
        found = api.get(path(namespace, name))
        answer = api.request("PUT", f"{path(namespace, name)}/status", {**found, "status": backup[name]})
        assert answer[0] == 200, answer
    bare = [f"{name}-bare" for name in specs]
    eventually(lambda: all(is_seen(api, namespace, name) for name in bare))
    time.sleep(3)
    assert [started(api, namespace, name) for name in specs] == [1, 2]
    assert [started(api, namespace, name) for name in bare] == [0, 0]
    for name in bare:
        (ready,) = [one for one in status(api, namespace, name)["conditions"] if one["type"] == "Ready"]
        assert (ready["status"], ready["reason"]) == ("True", "Restored")
