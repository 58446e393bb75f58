"""A Job's name says which run it is; annotations only where it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles import START
from kalends.engine.core.run_names import run_name
from kalends.executors.jobs.identity import Identity, JobKey, identity_of, job_of
from kalends.model import format_instant
from narrowing import present

names = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
fire_times = st.integers(1_000_000_000, 9_999_999_999)


def identity(name: str, owner: str = "nightly", **annotations: Any) -> Identity | None:
    meta = {"name": name, "annotations": {f"kalends.dev/{key}": text for key, text in annotations.items()}}
    return identity_of(meta, owner, START)


@given(names, fire_times, st.integers(1, 1000))
def test_a_name_says_fire_time_and_attempt(owner: str, fire_time: int, attempt: int) -> None:
    assert identity(run_name(owner, fire_time, attempt), owner) == Identity(fire_time, attempt)


@given(names, st.text(min_size=1, max_size=20), st.integers(1, 1000))
def test_a_requested_run_is_identified_by_its_annotations(owner: str, token: str, attempt: int) -> None:
    name = run_name(owner, START, attempt, token)
    annotations = {"scheduled-time": format_instant(START + 5), "run-requested": token, "attempt": str(attempt)}
    assert identity(name, owner, **annotations) == Identity(START + 5, attempt, token)


def test_a_requested_run_whose_token_was_removed_is_still_no_run_of_the_schedule() -> None:
    seen = present(identity(run_name("nightly", START, 1, "now")))
    assert seen.request != ""
    assert (seen.fire_time, seen.attempt) == (START, 1)


def test_annotations_that_were_edited_change_nothing_that_a_name_says() -> None:
    edited = {"scheduled-time": format_instant(START + 5), "attempt": "7"}
    assert identity(f"nightly-{START}", **edited) == Identity(START)
    assert identity(run_name("nightly", START, 3), **edited) == Identity(START, 3)


@pytest.mark.parametrize("attempt", ["", "x", "-1", "0", "1.5", "99999999999", "\u0663"])
def test_an_attempt_that_is_no_number_is_the_first(attempt: str) -> None:
    name = run_name("nightly", START, 1, "now")
    assert present(identity(name, **{"run-requested": "now", "attempt": attempt})).attempt == 1


@pytest.mark.parametrize("name", ["nightly", "nightly-", "nightly-by-hand", "other-1795000000", "nightlyx-1795000000"])
def test_other_names_identify_no_run(name: str) -> None:
    assert identity(name) is None


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(f"nightly-0{START}", id="zeros before the fire time"),
        pytest.param(f"nightly-{run_name('', START, 2)[1:].replace('-2', '-02')}", id="zeros before the attempt"),
        pytest.param(f"nightly-0{run_name('', START, 2)[1:]}", id="zeros before the fire time of a retry"),
        pytest.param(run_name("nightly", START, 2).removesuffix("2") + "1", id="a first attempt as a retry"),
        pytest.param(run_name("nightly", START, 2).removesuffix("2") + "0", id="attempt 0"),
    ],
)
def test_a_run_has_one_name_and_another_spelling_of_its_numbers_is_no_run(name: str) -> None:
    assert identity(name) is None


CONTROLLER = {"apiVersion": "batch/v1", "kind": "Job", "name": "nightly-1", "uid": "job-uid", "controller": True}


def controlled_by(**owner: Any) -> Any:
    return job_of({"metadata": {"namespace": "blue", "ownerReferences": [CONTROLLER | owner]}})


def test_a_pod_belongs_to_the_job_that_controls_it_in_its_own_namespace() -> None:
    assert controlled_by() == JobKey("blue", "nightly-1", "job-uid")


@pytest.mark.parametrize(
    "owner",
    [{"kind": "ReplicaSet"}, {"apiVersion": "apps/v1"}, {"apiVersion": "v1"}, {"controller": False}],
)
def test_a_pod_belongs_to_no_job_unless_a_job_controls_it(owner: Any) -> None:
    assert controlled_by(**owner) is None
