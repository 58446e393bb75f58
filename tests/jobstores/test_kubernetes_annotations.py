"""Annotations of jobs that users have changed: the spec decides, and no annotation harms a job, or another."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from jobstores.jobs import job
from jobstores.kubernetes_place import NAMESPACE, ServedCluster
from jobstores.test_kubernetes import KIND, place, shown, store
from kalends.jobstores.kubernetes import KubernetesJobStore
from kalends.triggers.described import DescribedTrigger

FIXTURES = (place, store)
ANNOTATION = "kalends.dev/job"


def annotate(place: ServedCluster, name: str, **members: Any) -> None:
    """Change members of the annotation of a job, as a user might."""
    note = orjson.loads(shown(place, name)["metadata"]["annotations"][ANNOTATION])
    write(place, name, orjson.dumps({**note, **members}).decode())


def write(place: ServedCluster, name: str, text: str) -> None:
    patch = {"metadata": {"annotations": {ANNOTATION: text}}}
    place.do(lambda: place.api.objects.merge_patch(KIND, NAMESPACE, name, patch, None))


def test_an_annotation_names_no_class_to_import(place: ServedCluster, store: KubernetesJobStore) -> None:
    store.add_job(job("a"))
    annotate(place, "a", trigger={"type": "antigravity:Flying", "version": 1})
    found = store.lookup_job("a")
    assert found is not None
    assert isinstance(found.trigger, DescribedTrigger)


@pytest.mark.parametrize("member", ["name", "id", "generation", "first", "trigger", "schedule", "options"])
def test_an_annotation_that_is_too_deep_harms_no_job(
    place: ServedCluster, store: KubernetesJobStore, member: str
) -> None:
    store.add_all([job("a"), job("b")])
    text = shown(place, "a")["metadata"]["annotations"][ANNOTATION]
    deep = "[" * 1000 + "]" * 1000
    # The last of two members of a name counts.
    write(place, "a", f'{text.removesuffix("}")},"{member}":{deep}}}')
    assert [one.id for one in store.get_all_jobs()] == ["a", "b"]
    assert sorted(store.kept_versions()) == ["a", "b"]


@pytest.mark.parametrize(
    "members",
    [
        {"first": "tomorrow"},
        {"first": "9999-12-31T23:59:59-12:00[Europe/Berlin]"},
        {"trigger": {"type": "interval"}},
        {"trigger": {"type": "interval", "version": 1, "seconds": "many"}},
        {"trigger": {"type": "or", "version": 1, "triggers": [7]}},
        {"trigger": {"type": ["interval"], "version": 1}},
    ],
)
def test_a_job_continues_without_what_cannot_be_read_of_its_annotation(
    place: ServedCluster, store: KubernetesJobStore, members: dict[str, Any]
) -> None:
    store.add_job(job("a"))
    annotate(place, "a", **members)
    kept = store.kept_job("a")
    assert kept.problem == ""
    assert kept.job is not None
    assert kept.job.next_run_time is not None
