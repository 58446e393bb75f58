"""Which ScheduledJobs are jobs of a store: those of its manager that its label selector selects."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

import pytest

from jobstores.jobs import job
from jobstores.kubernetes_place import MANAGER, NAMESPACE, ServedCluster
from jobstores.places import start
from jobstores.test_kubernetes import KIND, create, place, shown, store
from kalends.errors import InvalidSettings
from kalends.jobstores.base import JobLookupError, TransientJobError
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.jobstores.kubernetes.labels import requirements
from kalends.library.definitions import stored_of
from kube import fake_api
from kube.fake_objects import Refused
from kube.fake_selectors import label_selector

FIXTURES = (place, store)
PATIENCE = 30.0
LABELS: tuple[dict[str, str], ...] = ({}, {"shard": "1"}, {"shard": "2", "canary": ""}, {"example.com/shard": "1"})


@pytest.fixture
def shard(place: ServedCluster) -> Any:
    found = place.new_store(label_selector="shard=1", labels={"shard": "1"})
    start(found)
    yield found
    found.shutdown()


def label(place: ServedCluster, name: str, **labels: str) -> None:
    place.do(lambda: place.api.objects.merge_patch(KIND, NAMESPACE, name, {"metadata": {"labels": labels}}, None))


def test_a_job_of_another_shard_is_not_found(place: ServedCluster, shard: KubernetesJobStore) -> None:
    create(place, "other", schedule="@daily", task={"name": "kalends.echo"})
    label(place, "other", shard="2")
    shard.add_job(job("own"))
    assert [one.id for one in shard.get_all_jobs()] == ["own"]
    assert shard.lookup_job("other") is None
    with pytest.raises(JobLookupError):
        shard.update_job(job("other"))
    with pytest.raises(JobLookupError):
        shard.remove_job("other")
    with pytest.raises(TransientJobError, match=r"team/other exists, and is not selected by label_selector='shard=1'"):
        shard.add_job(job("other"))


def test_a_job_that_the_store_would_not_select_is_refused(place: ServedCluster) -> None:
    blind = place.new_store(label_selector="shard=1", labels={"shard": "2"})
    start(blind)
    with pytest.raises(TransientJobError, match=r"labels must be selected by label_selector='shard=1', got \{'shard'"):
        blind.add_job(job("a"))
    blind.shutdown()


@pytest.mark.parametrize(
    "selector",
    [
        "shard=1",
        "shard==1",
        "shard!=1",
        "shard in (1, 2)",
        "shard notin (1,2)",
        "shard",
        "!shard",
        " shard = 1 , !canary ",
        "canary=",
        "example.com/shard=1",
        "shard,canary",
    ],
)
def test_labels_are_selected_as_the_api_server_does(selector: str) -> None:
    selected = label_selector(selector)
    for labels in LABELS:
        expected = selected({"metadata": {"labels": labels}})
        assert all(required(labels) for required in requirements(selector)) is expected, labels


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("shard>1", [{"shard": "2", "canary": ""}]),
        ("shard > 0", [{"shard": "1"}, {"shard": "2", "canary": ""}]),
        ("shard<2", [{"shard": "1"}]),
        ("shard<2,shard>1", []),
        ("canary<5", []),
    ],
)
def test_labels_are_compared_as_numbers(selector: str, expected: list[dict[str, str]]) -> None:
    required = requirements(selector)
    assert [labels for labels in LABELS if all(one(labels) for one in required)] == expected


@pytest.mark.parametrize(
    "selector", ["=1", "shard=1,", "shard in 1", "shard~1", "shard=1 canary", " ", "a b", "shard>a", "shard>=1"]
)
def test_what_is_no_selector_is_refused(selector: str) -> None:
    with pytest.raises(InvalidSettings, match="label_selector must be a label selector as `kubectl --selector` has it"):
        KubernetesJobStore(MANAGER, label_selector=selector)


def test_the_name_of_a_manager_may_have_any_accepted_character(place: ServedCluster) -> None:
    odd = place.new_store(managed_by="example.com/a,metadata.name=b")
    start(odd)
    odd.add_job(job("a"))
    assert [one.id for one in odd.get_all_jobs()] == ["a"]
    assert list(odd.kept_versions()) == ["a"]
    odd.shutdown()


def test_a_spec_that_is_too_large_to_be_read_is_a_problem_of_its_job(
    place: ServedCluster, store: KubernetesJobStore
) -> None:
    create(place, "large", schedule="@daily", task={"name": "kalends.echo", "args": [0] * 200_000})
    create(place, "foreign", schedule="@daily", task={"name": "x", "args": [0] * 200_000}, managedBy="example.com/x")
    assert shown(place, "large")["spec"]["managedBy"] == MANAGER
    assert [one.id for one in store.kept_jobs()] == ["large"]
    kept = store.kept_job("large")
    assert kept.job is None
    assert "values" in kept.problem
    assert stored_of("default", kept).problem is not None
    assert store.lookup_job("foreign") is None


@pytest.mark.parametrize("selects", [True, False])
def test_a_scheduledjob_that_a_finalizer_keeps_is_no_job(
    place: ServedCluster, selects: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not selects:
        monkeypatch.setattr(fake_api, "field_selector", refuse_field_selector)
    found = place.new_store()
    start(found)
    found.add_all([job("a"), job("other")])
    finalizers = {"metadata": {"finalizers": ["example.com/wait"]}}
    place.do(lambda: place.api.objects.merge_patch(KIND, NAMESPACE, "a", finalizers, None))
    numbers: SimpleQueue[int | None] = SimpleQueue()
    end = found.listen(lambda: numbers.put(found.change_number()))
    for _ in range(2):
        numbers.get(timeout=PATIENCE)
    place.do(lambda: place.api.objects.delete(KIND, NAMESPACE, "a", {}))
    numbers.get(timeout=PATIENCE)  # the deletion is noticed
    assert [one.id for one in found.get_all_jobs()] == ["other"]
    assert sorted(found.kept_versions()) == ["other"]
    assert found.lookup_job("a") is None
    with pytest.raises(TransientJobError, match="the ScheduledJob team/a is being deleted"):
        found.add_job(job("a"))
    end()
    found.shutdown()


def refuse_field_selector(text: str) -> None:
    raise Refused(400, "BadRequest", f"field label not supported: {text}")
