"""A user's manifest is checked as strictly as the API server would, and everything is said at once."""

from typing import Any

import pytest
import yaml

from kalends.model import Problem, check_manifest
from model.manifests import CRON, GOOD, JOB, TASK, Json, manifest
from model.refusals import BROKEN_RULES, UNKNOWN_FIELDS, WRONG_FORMS, WRONG_VALUES

BAD = {**BROKEN_RULES, **WRONG_FORMS, **WRONG_VALUES, **UNKNOWN_FIELDS}

CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata:
  creationTimestamp: null
  name: hello
spec:
  schedule: "*/5 * * * *"
  timeZone: Etc/UTC
  startingDeadlineSeconds: 200
  concurrencyPolicy: Allow
  suspend: false
  successfulJobsHistoryLimit: 10
  failedJobsHistoryLimit: 10
  jobTemplate:
    metadata:
      creationTimestamp: null
      name: hello
    spec:
      template:
        metadata:
          creationTimestamp: null
        spec:
          containers:
          - name: hello
            image: busybox:1.28
            command: [/bin/sh, -c, date]
            resources: {}
          restartPolicy: OnFailure
status: {}
"""
"""What `kubectl create cronjob --dry-run=client` writes, with every field that a CronJob's spec has."""


@pytest.mark.parametrize("spec", GOOD.values(), ids=GOOD)
def test_a_good_manifest_has_no_problem(spec: Json) -> None:
    assert check_manifest(manifest(spec)) == []


@pytest.mark.parametrize(("spec", "path", "message"), BAD.values(), ids=BAD)
def test_a_bad_manifest_is_refused_where_it_is_bad_and_says_what_is_accepted(
    spec: Json, path: str, message: str
) -> None:
    assert Problem(path, message) in check_manifest(manifest(spec))


@pytest.mark.parametrize("bad", BROKEN_RULES)
def test_one_broken_rule_is_one_problem(bad: str) -> None:
    assert len(check_manifest(manifest(BROKEN_RULES[bad][0]))) == 1


def test_all_problems_are_named_at_once() -> None:
    spec = {"shedule": "@daily", "trigger": {"anyOf": [CRON, {"interval": {"hours": "6"}}]}, "suspend": "yes"}
    assert [str(problem) for problem in check_manifest(manifest(spec))] == [
        "spec.shedule: is not a field; did you mean `schedule`?",
        "spec.trigger.anyOf[1].interval.hours: must be an integer from 0 to 876600, got '6'",
        "spec.suspend: must be true or false, got 'yes'",
        "spec: exactly one of `task`, `jobTemplate` must be set",
    ]


def test_a_cronjob_becomes_a_scheduledjob_by_its_kind() -> None:
    cronjob = yaml.safe_load(CRONJOB)
    assert check_manifest(cronjob | {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob"}) == []


def test_another_kind_is_refused() -> None:
    assert check_manifest(yaml.safe_load(CRONJOB)) == [
        Problem("apiVersion", "must be 'kalends.dev/v1alpha1', got 'batch/v1'"),
        Problem("kind", "must be 'ScheduledJob', got 'CronJob'"),
    ]


def test_a_null_is_as_good_as_nothing() -> None:
    assert check_manifest(manifest({"suspend": None, "trigger": None, "retry": {"limit": None}, **TASK})) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("n" * 53, "`metadata.name` must be at most 52 characters, as 11 are appended"),
        ("Nightly", "got 'Nightly'"),
        ("nightly_report", "got 'nightly_report'"),
        ("-nightly", "got '-nightly'"),
        ("nightly.", "got 'nightly.'"),
        ("", "got ''"),
    ],
)
def test_a_bad_name_is_refused(name: str, message: str) -> None:
    (problem,) = check_manifest(manifest(TASK, name))
    assert message in problem.message


@pytest.mark.parametrize("name", ["n", "n" * 52, "team-a.nightly-report", "0"])
def test_a_good_name_is_accepted(name: str) -> None:
    assert check_manifest(manifest(TASK, name)) == []


def test_a_name_is_asked_for_unless_the_api_server_makes_one() -> None:
    nameless = manifest(TASK) | {"metadata": {}}
    assert check_manifest(nameless) == [Problem("metadata.name", "must be set")]
    assert check_manifest(nameless | {"metadata": {"generateName": "nightly-"}}) == []


def test_a_weekday_is_named_once() -> None:
    spec = {"trigger": {"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "thu", "tue"]}}, **TASK}
    path = "spec.trigger.calendarInterval.daysOfWeek"
    assert check_manifest(manifest(spec)) == [Problem(path, "must be a list of 1 to 7 different items, got 3 items")]


def test_labels_must_be_text() -> None:
    labelled = manifest(TASK) | {"metadata": {"name": "nightly", "labels": {"tier": 1}}}
    assert check_manifest(labelled) == [Problem("metadata.labels.tier", "must be a string, got 1")]


def test_a_date_that_yaml_made_is_asked_for_in_quotes() -> None:
    spec = yaml.safe_load("startTime: 2027-01-01") | TASK
    (problem,) = check_manifest(manifest(spec))
    assert problem.message == "must be a string of 1 to 40 characters, got the date 2027-01-01; put it in quotes"


@pytest.mark.parametrize("nonsense", [None, 1, "text", [], [{}], {}, {"spec": []}, {"metadata": 3, "spec": {1: 2}}])
def test_nonsense_is_refused_and_breaks_nothing(nonsense: Any) -> None:
    assert check_manifest(nonsense) != []


def test_what_only_the_cluster_knows_is_not_judged() -> None:
    assert check_manifest(manifest({"schedule": "99 25 * * foo", "timeZone": "Nowhere/At_All", **JOB})) == []
