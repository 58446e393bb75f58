"""A job store in a cluster whose API server loses answers, whose policies refuse, and whose CRD is replaced."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobstores.jobs import job
from jobstores.kubernetes_place import ServedCluster
from jobstores.places import start
from jobstores.test_kubernetes import KIND, at_noon, create, place, store
from kalends.errors import InvalidSettings, Unavailable
from kalends.jobstores.base import JobLookupError
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.kube.wire.transport import Request
from kube.fake_faults import Fault, requests_to
from kube.fake_objects import Collection

FIXTURES = (place, store)
PATIENCE = 30.0


def without_manager(_: Collection, given: Any) -> Any:
    return {**given, "spec": {name: value for name, value in given["spec"].items() if name != "managedBy"}}


def test_a_removal_whose_answer_is_lost_is_a_removal(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    place.api.faults.append(Fault(requests_to("DELETE"), lost="answer"))
    store.remove_job("a")
    assert store.lookup_job("a") is None
    with pytest.raises(JobLookupError):
        store.remove_job("a")


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_policy_that_refuses_the_check_does_not_keep_the_store_from_starting(
    place: ServedCluster, status: int
) -> None:
    place.api.faults.append(Fault(requests_to("POST", "/scheduledjobs"), status=status))
    found = place.new_store()
    start(found)
    found.add_job(job("a"))
    assert found.lookup_job("a") is not None
    found.shutdown()


def test_the_check_has_the_labels_of_the_jobs(place: ServedCluster) -> None:
    seen: list[Any] = []

    def admit(_: Collection, given: Any) -> Any:
        seen.append(given["metadata"].get("labels"))
        return given

    place.api.objects.admit = admit
    found = place.new_store(labels={"team": "a"})
    start(found)
    found.add_job(job("a"))
    found.shutdown()
    assert seen == [{"team": "a"}, {"team": "a"}]


def test_no_job_is_left_to_the_operator_if_the_crd_loses_the_field(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    place.api.objects.admit = without_manager
    with pytest.raises(InvalidSettings, match=r"the CRD is older than Kalends: it has no spec\.managedBy"):
        store.add_all([job("a"), job("b")])
    assert place.do(lambda: place.api.objects.list(KIND, None)) == []


def test_a_record_that_an_older_crd_would_cut_is_written_later(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    place.api.objects.drops = frozenset({"decidedUntilTime"})
    kept = store.kept_job("a")
    (answer,) = store.write_records([at_noon(kept)])
    assert isinstance(answer, Unavailable)
    assert "the CRD is older than this operator: it has no status.decidedUntilTime" in str(answer)
    place.api.objects.drops = frozenset()
    (version,) = store.write_records([at_noon(kept)])
    assert isinstance(version, int)


def test_a_dry_run_that_fails_harms_no_other_record(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_all([job("a"), job("b")])
    forbidden = Fault(requests_to("PATCH", "/b/status"), times=None, status=403)
    place.do(lambda: place.api.faults.append(forbidden))
    writes = [replace(at_noon(kept), keeps_unread=True) for kept in store.kept_jobs()]
    assert [type(answer) for answer in store.write_records(writes)] == [int, Unavailable]


def test_a_watch_that_fails_gives_no_number_of_changes(place: ServedCluster, store: KubernetesJobStore) -> None:
    failed = threading.Event()

    def watches(request: Request) -> bool:
        if "watch" in request.params:
            failed.set()
            return True
        return False

    forbidden = Fault(watches, times=None, status=403)
    place.do(lambda: place.api.faults.append(forbidden))
    end = store.listen(lambda: None)
    assert failed.wait(PATIENCE)
    assert eventually_none(store)
    end()


def test_there_is_no_number_of_changes_before_the_first_list(place: ServedCluster, store: KubernetesJobStore) -> None:
    place.api.latency = lambda _: 2.0
    end = store.listen(lambda: None)
    assert store.change_number() is None
    end()


def eventually_none(store: KubernetesJobStore) -> bool:
    """Return whether the store stops to say how many changes there were, while it hears that its watch failed."""
    deadline = threading.Event()
    timer = threading.Timer(PATIENCE, deadline.set)
    timer.start()
    while store.change_number() is not None and not deadline.is_set():
        store.lookup_job("a")  # takes the time of a request
    timer.cancel()
    return store.change_number() is None


def test_a_module_that_exits_when_it_is_imported_is_a_problem_of_its_job(
    place: ServedCluster, store: KubernetesJobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "exiting_tasks.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    create(place, "a", schedule="@daily", task={"name": "exiting_tasks:run"})
    (kept,) = store.kept_jobs()
    assert (kept.job, kept.problem) == (None, "SystemExit: 3")
