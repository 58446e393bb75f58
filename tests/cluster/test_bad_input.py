"""Bad input: the error says what is accepted; other resources are not affected; a corrected resource continues."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from zlib import crc32

import pytest

from cluster.bad_specs import ECHO, MINUTELY, REFUSED_BY_A_CONDITION, REFUSED_BY_THE_API_SERVER
from cluster.conftest import wait_for_service_account
from cluster.operator_process import OperatorProcess, scheduled_job
from devcluster import Cluster
from devcluster.api import Api
from devcluster.waiting import eventually
from kalends.model import parse_instant

pytestmark = pytest.mark.slow

Json = dict[str, Any]

NAMESPACE = "bad-input"
NEIGHBOURS = 5
LATE_SECONDS = 90
"""How late a run of a neighbour may start. Machines stall; `test_faults_hostile.py` measures lateness."""
RESOURCES = f"/apis/kalends.dev/v1alpha1/namespaces/{NAMESPACE}/scheduledjobs"


@pytest.fixture(scope="module")
def operator_of_all(installed: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator for all tests of this file, in a separate namespace."""
    installed.kubectl("create", "namespace", NAMESPACE)
    log = tmp_path_factory.mktemp("bad-input") / "operator.log"
    operator = OperatorProcess(installed.kubeconfig, log, namespaces=(NAMESPACE,))
    try:
        wait_for_service_account(installed, NAMESPACE)
        operator.start()
        yield operator
    finally:
        operator.kill()
        installed.kubectl("delete", "namespace", NAMESPACE, "--wait=false", check=False)


@pytest.fixture(scope="module")
def cluster(installed: Cluster, api: Api, operator_of_all: OperatorProcess) -> Cluster:
    """The cluster, with that operator and neighbours that run every second, whatever happens."""
    every_run = {"concurrencyPolicy": "Allow", "coalesce": "All", "startingDeadlineSeconds": LATE_SECONDS}
    every_run["successfulJobsHistoryLimit"] = 1
    for n in range(NEIGHBOURS):
        spec = {"trigger": {"interval": {"seconds": 1}}, "task": ECHO, **every_run}
        api.create(RESOURCES, scheduled_job(f"neighbour-{n:02}", NAMESPACE, **spec))
    return installed


@pytest.fixture(autouse=True)
def neighbours_fire_without_a_gap(cluster: Cluster, api: Api) -> Iterator[None]:
    """After each test: every second so far has its run at each neighbour, or a place in its queue, and more came."""
    before = eventually(lambda: neighbours(api))
    yield
    eventually(lambda: all(count > before[name] for name, count in neighbours(api).items()), every=0.3)


def neighbours(api: Api) -> dict[str, int]:
    """Return how many runs each neighbour had; all must be up to date, and account for every second."""
    found = {}
    for one in api.items(RESOURCES):
        name, status = one["metadata"]["name"], one.get("status") or {}
        if not name.startswith("neighbour-"):
            continue
        assert ready(status)["status"] == "True", (name, status)
        assert "decidedUntilTime" in status, name
        counts, cursor = status["counts"], parse_instant(status["decidedUntilTime"])
        due = cursor - parse_instant(status["armedTime"])
        assert counts["due"] == counts["started"] + counts["queued"] == due, (name, counts)
        assert counts["missed"] + counts["coalesced"] + counts["skipped"] + counts["failed"] == 0, (name, counts)
        assert cursor > time.time() - LATE_SECONDS, name
        found[name] = counts["due"]
    assert len(found) == NEIGHBOURS
    return found


def ready(status: Json, kind: str = "Ready") -> Json:
    found: list[Json] = [one for one in status.get("conditions", ()) if one["type"] == kind]
    assert found, f"no condition {kind}"
    return found[0]


def apply(cluster: Cluster, name: str, spec: Json) -> str:
    """Apply a manifest as people do; return what kubectl complains about."""
    manifest = json.dumps(scheduled_job(name, NAMESPACE, **spec))
    return cluster.kubectl("apply", "-f", "-", input=manifest, check=False).stderr


def replace_spec(api: Api, name: str, spec: Json) -> tuple[int, Json]:
    """Put one spec in the place of another (kubectl takes a second of a busy machine each time)."""
    while True:
        manifest = api.get(f"{RESOURCES}/{name}") | {"spec": spec}
        code, answer = api.request("PUT", f"{RESOURCES}/{name}", manifest)
        if code != 409:  # its status may change at any time
            return code, answer


def is_stalled(api: Api, name: str, reason: str) -> Json:
    """Return the object once its conditions say that, and why, nothing will be done about it."""
    found: Json = api.get(f"{RESOURCES}/{name}")
    status = found.get("status") or {}
    no, yes = ready(status), ready(status, "Stalled")
    assert (no["status"], yes["status"]) == ("False", "True")
    assert no["message"] == yes["message"]
    assert no["reason"] == yes["reason"]
    assert reason in ("", no["reason"])
    return found


def is_armed(api: Api, name: str) -> Json:
    found: Json = api.get(f"{RESOURCES}/{name}")
    status = found.get("status") or {}
    assert (ready(status)["status"], ready(status)["reason"]) == ("True", "Armed"), status
    assert all(one["type"] != "Stalled" for one in status["conditions"])
    assert status["nextRunTime"]
    return found


@pytest.mark.parametrize("name", REFUSED_BY_THE_API_SERVER)
def test_the_api_server_says_what_is_accepted_and_lets_nothing_in(cluster: Cluster, api: Api, name: str) -> None:
    bad = REFUSED_BY_THE_API_SERVER[name]
    refusal = apply(cluster, name, bad.spec)
    for words in bad.says:
        assert words in refusal
    assert api.request("GET", f"{RESOURCES}/{name}")[0] == 404
    api.create(RESOURCES, scheduled_job(name, NAMESPACE, **bad.corrected))
    good = eventually(lambda: is_armed(api, name))
    code, answer = replace_spec(api, name, bad.spec)
    assert code == 422, "nor by an edit"
    assert all(words in answer["message"] for words in bad.says)
    after = is_armed(api, name)
    assert (after["spec"], after["metadata"]["generation"]) == (good["spec"], 1)


def test_a_name_too_long_for_the_names_of_its_jobs_is_refused_with_the_length_that_is_not(
    cluster: Cluster, api: Api
) -> None:
    refusal = apply(cluster, "n" * 60, MINUTELY)
    assert "metadata.name: Too long: may not be more than 52" in refusal
    assert api.request("GET", f"{RESOURCES}/{'n' * 60}")[0] == 404
    api.create(RESOURCES, scheduled_job("n" * 52, NAMESPACE, **MINUTELY))
    eventually(lambda: is_armed(api, "n" * 52))


@pytest.mark.parametrize("name", REFUSED_BY_A_CONDITION)
def test_a_condition_names_what_is_accepted_and_the_corrected_resource_is_scheduled(
    cluster: Cluster, api: Api, name: str
) -> None:
    bad = REFUSED_BY_A_CONDITION[name]
    assert apply(cluster, name, bad.spec) == ""
    found = eventually(lambda: is_stalled(api, name, bad.reason))
    for words in bad.says:
        assert words in ready(found["status"])["message"]
    assert found["metadata"]["generation"] == 1, "its spec was not touched"
    assert {one: found["spec"][one] for one in bad.spec} == bad.spec
    assert replace_spec(api, name, bad.corrected)[0] == 200
    good = eventually(lambda: is_armed(api, name))
    assert replace_spec(api, name, bad.spec)[0] == 200
    again = eventually(lambda: is_stalled(api, name, bad.reason))
    assert again["metadata"]["uid"] == good["metadata"]["uid"], "neither deleted nor made anew"
    assert again["status"]["armedTime"] == good["status"]["armedTime"]
    assert replace_spec(api, name, bad.corrected)[0] == 200
    eventually(lambda: is_armed(api, name))


def edit_status(cluster: Cluster, name: str, status: Json | None) -> str:
    """Edit the status as a user; return the error of kubectl."""
    patch = json.dumps({"status": status})
    arguments = ("--namespace", NAMESPACE, "--subresource=status", "--type=merge", "--patch", patch)
    return cluster.kubectl("patch", "scheduledjob", name, *arguments, check=False).stderr


@pytest.fixture
def has_run(cluster: Cluster, api: Api, request: pytest.FixtureRequest) -> Iterator[Json]:
    """A resource of the test's own that has run, and does so every other second."""
    name = f"edited-{crc32(request.node.name.encode())}"
    every = {"trigger": {"cron": {"second": "*/2"}}, "task": ECHO}
    api.create(RESOURCES, scheduled_job(name, NAMESPACE, **every))

    def succeeded() -> Json:
        found: Json = api.get(f"{RESOURCES}/{name}")
        return found if found.get("status", {}).get("counts", {}).get("succeeded") else {}

    yield eventually(succeeded)
    api.delete(f"{RESOURCES}/{name}")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({"counts": {"due": -1}}, "counts.due in body should be greater than or equal to 0"),
        ({"counts": {"started": "many"}}, "counts.started in body must be of type integer"),
        ({"decidedUntilTime": "yesterday"}, "decidedUntilTime in body must be of type date-time"),
        ({"active": ["garbage"]}, "active[0] in body must be of type object"),
        ({"active": [{"name": "ghost", "scheduledTime": "soon"}]}, "scheduledTime in body must be of type date-time"),
        ({"conditions": [{"type": "Ready"}]}, "status.conditions[0].reason: Required value"),
    ],
    ids=["negative", "no-number", "no-instant", "no-object", "no-instant-in-a-run", "half-a-condition"],
)
def test_a_status_that_breaks_the_schema_is_refused_by_the_api_server(
    cluster: Cluster, api: Api, has_run: Json, edit: Json, says: str
) -> None:
    name = has_run["metadata"]["name"]
    assert says in edit_status(cluster, name, edit)
    continues(api, name, has_run["status"]["counts"]["due"])


def unbalanced(status: Json) -> Json:
    return {"counts": {"due": status["counts"]["due"] + 500}}


def started_without_an_end(status: Json) -> Json:
    return {"counts": {"due": 100, "started": 100, "coalesced": 0, "missed": 0, "skipped": 0}}


def with_a_ghost(status: Json) -> Json:
    return {"active": [{"name": "ghost", "scheduledTime": "2026-01-01T00:00:00Z"}]}


def without_a_beginning(status: Json) -> Json:
    return {"armedTime": None}


def in_2099(status: Json) -> Json:
    return {"decidedUntilTime": "2099-01-01T00:00:00Z"}


def armed_in_2099(status: Json) -> Json:
    return {"armedTime": "2099-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (unbalanced, "status.counts must satisfy due + requested = started + missed + coalesced + skipped + queued"),
        (started_without_an_end, "status.counts must satisfy started = active + succeeded + failed + cancelled + lost"),
        (with_a_ghost, "status.counts.active must be at least the 1 runs in status.active, got 0"),
        (without_a_beginning, "status.armedTime must be an RFC 3339 instant where there is status.counts"),
        (in_2099, "status.decidedUntilTime must be at most 48 hours ahead of the operator's clock"),
        (armed_in_2099, "status.armedTime must be at most 48 hours ahead of the operator's clock"),
    ],
)
def test_a_status_edited_to_nonsense_is_left_alone_until_it_is_corrected(
    cluster: Cluster, api: Api, has_run: Json, edit: Callable[[Json], Json], says: str
) -> None:
    name = has_run["metadata"]["name"]
    nonsense = edit(has_run["status"])
    assert edit_status(cluster, name, nonsense) == ""
    found = eventually(lambda: is_stalled(api, name, "InvalidStatus"))
    assert says in ready(found["status"])["message"]
    assert "kubectl edit --subresource=status" in ready(found["status"])["message"]
    time.sleep(2.5)  # a fire time passes, and nothing runs
    later = is_stalled(api, name, "InvalidStatus")
    assert later["metadata"]["resourceVersion"] == found["metadata"]["resourceVersion"]
    assert later["spec"] == has_run["spec"]
    assert later["metadata"]["generation"] == 1
    assert stands(nonsense, later["status"])
    assert later["status"]["history"], "what was not edited is left alone as well"

    before = has_run["status"]
    names = ("armedTime", "decidedUntilTime", "counts", "active")
    restored = {"status": {one: before.get(one) for one in names}}
    assert api.patch(f"{RESOURCES}/{name}/status", restored)[0] == 200
    continues(api, name, before["counts"]["due"])


def test_a_status_that_was_removed_altogether_begins_anew(cluster: Cluster, api: Api, has_run: Json) -> None:
    name = has_run["metadata"]["name"]
    nonsense = {"status": unbalanced(has_run["status"])}
    assert api.patch(f"{RESOURCES}/{name}/status", nonsense)[0] == 200
    eventually(lambda: is_stalled(api, name, "InvalidStatus"))
    assert edit_status(cluster, name, None) == ""
    continues(api, name, 0)


def stands(edited: Any, status: Any) -> bool:
    """Return whether all of an edit stands in a status as it was written."""
    if isinstance(edited, dict) and isinstance(status, dict):
        return all(stands(value, status.get(name)) for name, value in edited.items())
    if isinstance(edited, list) and isinstance(status, list):
        return len(edited) == len(status) and all(map(stands, edited, status))
    return bool(edited == status)


def continues(api: Api, name: str, due: int) -> None:
    """Wait until a resource is ready, and has more recorded fire times than it had."""

    def more() -> bool:
        counts = is_armed(api, name)["status"]["counts"]
        ended = counts["active"] + counts["succeeded"] + counts["failed"] + counts["cancelled"] + counts["lost"]
        assert counts["due"] == counts["started"] + counts["missed"] + counts["coalesced"] + counts["skipped"], counts
        assert counts["started"] == ended, counts
        return bool(counts["due"] > due)

    eventually(more)


def test_an_operator_that_starts_among_bad_resources_reports_each_and_leaves_them_unchanged(
    cluster: Cluster, api: Api, operator_of_all: OperatorProcess
) -> None:
    assert operator_of_all.stop() == 0
    for name, bad in REFUSED_BY_A_CONDITION.items():
        api.create(RESOURCES, scheduled_job(f"new-{name}", NAMESPACE, **bad.spec))
    operator_of_all.start()
    for name, bad in REFUSED_BY_A_CONDITION.items():
        found = eventually(partial(is_stalled, api, f"new-{name}", bad.reason))
        assert {one: found["spec"][one] for one in bad.spec} == bad.spec
        assert found["metadata"]["generation"] == 1
