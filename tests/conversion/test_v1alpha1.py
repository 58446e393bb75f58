"""A definition is the hub: what a version of the API says becomes one, and is written again without loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kalends.conversion.v1alpha1 import from_definition, to_definition
from kalends.engine.core.definition import Definition
from kalends.engine.core.schedule import JobTemplate, RetryPolicy, TaskCall
from kalends.errors import InvalidSpec
from kalends.model.resource import read_spec
from kalends.triggers import When
from kalends.triggers.rules.interval import IntervalRule
from model.manifests import GOOD, JOB, TASK

WANTED = Definition(when=When(schedule="0 2 * * *"), target=TaskCall("reports.nightly"))


@pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD)
def test_a_spec_is_written_again_as_the_same_definition(spec: dict[str, Any]) -> None:
    definition = to_definition(read_spec(spec))
    written = from_definition(definition)
    assert to_definition(read_spec(written)) == definition
    assert from_definition(to_definition(read_spec(written))) == written


def test_what_is_left_to_defaults_is_not_written() -> None:
    assert from_definition(WANTED) == {"schedule": "0 2 * * *", "task": {"name": "reports.nightly"}}


def test_arguments_that_are_null_are_written() -> None:
    call = TaskCall("reports.nightly", (None, 1), {"until": None})
    written = from_definition(replace(WANTED, target=call))
    assert written["task"] == {"name": "reports.nightly", "args": [None, 1], "kwargs": {"until": None}}


def test_labels_for_kueue_are_those_of_the_jobs_unless_the_template_has_its_own() -> None:
    labels = {"kueue.x-k8s.io/queue-name": "of-the-resource", "kueue.x-k8s.io/priority-class": "low", "team": "reports"}
    template = {**JOB["jobTemplate"], "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "own"}}}
    target = to_definition(read_spec({"jobTemplate": template}), labels=labels).target
    assert isinstance(target, JobTemplate)
    assert target.labels == {"kueue.x-k8s.io/queue-name": "own", "kueue.x-k8s.io/priority-class": "low"}


def test_a_request_and_a_mark_come_from_the_metadata_and_are_no_part_of_the_spec() -> None:
    annotations = {"kalends.dev/run-requested": "ticket-1", "kalends.dev/restored": "true"}
    definition = to_definition(read_spec(TASK), annotations=annotations)
    assert (definition.request, definition.restored) == ("ticket-1", True)
    assert from_definition(definition) == TASK
    assert to_definition(read_spec(TASK)).has_spec_of(definition)
    assert not replace(definition, jitter=1).has_spec_of(definition)


def test_a_trigger_that_is_built_already_cannot_be_written() -> None:
    with pytest.raises(InvalidSpec, match="IntervalRule"):
        from_definition(replace(WANTED, when=IntervalRule(0, 60)))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"jitter": -1}, r"spec\.jitterSeconds: .*got -1"),
        ({"retry": RetryPolicy(limit=-1)}, r"spec\.retry\.limit: .*got -1"),
    ],
    ids=["jitter", "retry"],
)
def test_what_no_spec_may_say_is_not_written(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSpec, match=says):
        from_definition(replace(WANTED, **wrong))
