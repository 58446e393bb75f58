"""A real API server takes the CustomResourceDefinition, and judges manifests as Kalends does."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from devcluster import Cluster
from kalends.model import ScheduledJob, Status, check_manifest
from kalends.model.v1alpha1.status import QueuedRun
from model.manifests import GOOD, JOB, TASK, Json, manifest
from model.refusals import BROKEN_RULES, UNKNOWN_FIELDS, WRONG_FORMS, WRONG_VALUES, mixed
from model.test_checking import CRONJOB

CRD_FILE = Path(__file__).parents[2] / "crds" / "kalends.dev_scheduledjobs.yaml"
CRD = "crd/scheduledjobs.kalends.dev"
MIXTURES = {f"mixture {seed}": mixed(seed) for seed in range(200)}
SERVED_SECONDS = 30.0

JUDGED: dict[str, Json] = {
    **GOOD,
    **{title: spec for title, (spec, _, _) in {**BROKEN_RULES, **WRONG_FORMS, **WRONG_VALUES}.items()},
    **MIXTURES,
}


@pytest.fixture(scope="module")
def cluster(control_plane: Cluster) -> Cluster:
    """The cluster with the CRD, served and published: before it is, kubectl judges fields by itself."""
    control_plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", CRD_FILE)
    deadline = time.monotonic() + SERVED_SECONDS
    while control_plane.kubectl("explain", "scheduledjob.spec.trigger", check=False).returncode != 0:
        assert time.monotonic() < deadline, "the API server does not serve ScheduledJobs"
        time.sleep(0.1)
    return control_plane


@pytest.fixture(scope="module")
def verdicts(cluster: Cluster) -> Mapping[str, str]:
    """What the API server says to each of the specs: nothing, or why it refuses. All in one go, as kubectl is slow."""
    names = {f"judged-{number}": title for number, title in enumerate(JUDGED)}
    many = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [manifest(JUDGED[title], name) for name, title in names.items()],
    }
    answer = cluster.kubectl(
        "create", "--dry-run=server", "--validate=ignore", "-f", "-", input=json.dumps(many), check=False
    )
    refused = re.findall(r'ScheduledJob.kalends.dev "(\S+)" is invalid: (.+)', answer.stderr)
    created = re.findall(r"scheduledjob.kalends.dev/(\S+) created", answer.stdout)
    # Kubernetes 1.31 also says of which type the value is that a rule refuses.
    said = {names[name]: reason.replace('"object": ', "") for name, reason in refused} | {
        names[name]: "" for name in created
    }
    assert said.keys() == JUDGED.keys(), answer.stderr[-2000:]
    return said


def create(cluster: Cluster, namespace: str, obj: Json) -> None:
    cluster.kubectl("create", "--namespace", namespace, "-f", "-", input=json.dumps(obj))


def get(cluster: Cluster, namespace: str, name: str = "nightly-report") -> Json:
    found: Json = json.loads(cluster.kubectl("get", "schj", name, "--namespace", namespace, "--output", "json").stdout)
    return found


def patch_status(cluster: Cluster, namespace: str, status: Json, *, check: bool = True) -> str:
    patch = json.dumps({"status": status})
    words = ("patch", "schj", "nightly-report", "--subresource=status", "--type=merge", "--patch", patch)
    return cluster.kubectl(*words, "--namespace", namespace, check=check).stderr


@pytest.fixture
def resource(cluster: Cluster, namespace: str) -> str:
    """The namespace of a ScheduledJob that is there."""
    create(cluster, namespace, manifest({"schedule": "@daily", "timeZone": "Europe/Berlin", **JOB}))
    return namespace


def test_the_api_server_has_no_objection_to_the_crd(cluster: Cluster) -> None:
    conditions = json.loads(cluster.kubectl("get", CRD, "--output", "json").stdout)["status"]["conditions"]
    found = {condition["type"]: condition["status"] for condition in conditions}
    assert found == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("title", GOOD)
def test_a_good_manifest_is_accepted(verdicts: Mapping[str, str], title: str) -> None:
    assert verdicts[title] == ""


@pytest.mark.parametrize("title", BROKEN_RULES)
def test_a_broken_rule_is_refused_in_our_words_and_at_our_path(verdicts: Mapping[str, str], title: str) -> None:
    _, path, message = BROKEN_RULES[title]
    assert f"{path}: Invalid value: {message}" in verdicts[title]


@pytest.mark.parametrize("title", WRONG_FORMS)
def test_a_text_of_the_wrong_form_is_refused_in_our_words_and_at_our_path(
    verdicts: Mapping[str, str], title: str
) -> None:
    _, path, message = WRONG_FORMS[title]
    accepted, _, _ = message.partition(", got ")
    assert re.search(rf"{re.escape(path)}: Invalid value: .*{re.escape(accepted)}", verdicts[title])


@pytest.mark.parametrize("title", WRONG_VALUES)
def test_a_wrong_value_is_refused_at_our_path(verdicts: Mapping[str, str], title: str) -> None:
    _, path, _ = WRONG_VALUES[title]
    assert f"{path}: " in verdicts[title]


@pytest.mark.parametrize("title", MIXTURES)
def test_the_check_accepts_exactly_what_the_api_server_accepts(verdicts: Mapping[str, str], title: str) -> None:
    problems = check_manifest(manifest(MIXTURES[title]))
    assert (verdicts[title] == "") == (problems == []), (verdicts[title], problems)


@pytest.mark.parametrize("title", UNKNOWN_FIELDS)
def test_an_unknown_field_is_refused_by_default(cluster: Cluster, title: str) -> None:
    spec, path, _ = UNKNOWN_FIELDS[title]
    answer = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(manifest(spec)), check=False)
    assert f'unknown field "{path}"' in answer.stderr


def test_a_name_that_leaves_no_room_is_refused(cluster: Cluster) -> None:
    obj = manifest(TASK, "n" * 53)
    answer = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(obj), check=False)
    assert re.search(r"metadata\.name: Too long: .* 52", answer.stderr)


def test_a_weekday_is_named_once(cluster: Cluster) -> None:
    obj = manifest({"trigger": {"calendarInterval": {"weeks": 2, "daysOfWeek": ["tue", "tue"]}}, **TASK})
    answer = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(obj), check=False)
    assert 'spec.trigger.calendarInterval.daysOfWeek[1]: Duplicate value: "tue"' in answer.stderr


def test_a_cronjob_becomes_a_scheduledjob_by_its_kind(cluster: Cluster, namespace: str) -> None:
    cronjob = yaml.safe_load(CRONJOB)
    create(cluster, namespace, cronjob | {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob"})
    stored = get(cluster, namespace, "hello")["spec"]
    assert {name: stored[name] for name in cronjob["spec"] if name != "jobTemplate"} == {
        name: value for name, value in cronjob["spec"].items() if name != "jobTemplate"
    }
    assert stored["jobTemplate"]["spec"] == cronjob["spec"]["jobTemplate"]["spec"]


def test_the_api_server_writes_the_defaults_of_the_model(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, manifest({"retry": {}, "suspend": None, **TASK}))
    stored = get(cluster, namespace)
    assert stored["spec"] == {
        **TASK,
        "concurrencyPolicy": "Forbid",
        "daylightSaving": "Adjust",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
        "retry": {"limit": 3, "backoffSeconds": 10, "factor": 2, "maxBackoffSeconds": 300, "onLost": False},
    }
    assert ScheduledJob.read(stored).spec == ScheduledJob.read(manifest({"retry": {}, **TASK})).spec


def test_what_a_task_and_a_job_are_given_is_stored_as_it_is(cluster: Cluster, namespace: str) -> None:
    task = {"name": "a", "args": [None, 1, "two", {"three": None}], "kwargs": {"four": None, "five": [[{}]]}}
    create(cluster, namespace, manifest({"task": task}))
    assert get(cluster, namespace)["spec"]["task"] == task


def test_columns_say_how_it_stands(cluster: Cluster, resource: str) -> None:
    status = {
        "scheduleSummary": "@daily",
        "nextRunTime": "2099-01-01T23:00:00Z",
        "lastRunTime": "2000-01-01T00:00:00Z",
        "lastOutcome": "TimedOut",
        "counts": {"active": 7, "missed": 11, "skipped": 12, "succeeded": 13, "failed": 17},
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Armed",
                "message": "all is well",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    patch_status(cluster, resource, status)
    header, row = cluster.kubectl("get", "schj", "--namespace", resource, "--output", "wide").stdout.splitlines()
    shown = {name: row[begin:end].strip() for name, begin, end in columns(header)}
    ages = {"LAST RUN": shown.pop("LAST RUN"), "AGE": shown.pop("AGE")}
    assert shown == {
        "NAME": "nightly-report",
        "SCHEDULE": "@daily",
        "SUSPEND": "false",
        "ACTIVE": "7",
        "OUTCOME": "TimedOut",
        "MISSED": "11",
        "NEXT RUN": "2099-01-01T23:00:00Z",
        "ZONE": "Europe/Berlin",
        "TASK": "",
        "IMAGE": "registry/main:1",
        "WAITING": "",
        "SKIPPED": "12",
        "SUCCEEDED": "13",
        "FAILED": "17",
        "REASON": "Armed",
        "MANAGER": "",
        "MESSAGE": "all is well",
    }
    assert re.fullmatch(r"\d+y(\d+d)?", ages["LAST RUN"])
    assert re.fullmatch(r"\d+s", ages["AGE"])


def columns(header: str) -> Iterator[tuple[str, int, int | None]]:
    """The columns of kubectl's table: each name, where it begins, and where the next one does."""
    found = [(match.group(), match.start()) for match in re.finditer(r"\S+(?: \S+)*", header)]
    for (name, begin), (_, end) in zip(found, [*found[1:], ("", None)], strict=True):
        yield name, begin, end


def test_it_is_listed_under_its_short_name_its_category_and_by_suspend(cluster: Cluster, resource: str) -> None:
    for words in (["schj"], ["kalends"], ["scheduledjobs", "--field-selector", "spec.suspend=false"]):
        answer = cluster.kubectl("get", *words, "--namespace", resource, "--output", "name").stdout
        assert answer.strip() == "scheduledjob.kalends.dev/nightly-report"
    suspended = cluster.kubectl("get", "schj", "--namespace", resource, "--field-selector", "spec.suspend=true")
    assert "No resources found" in suspended.stderr


@pytest.mark.parametrize(
    ("nonsense", "where"),
    [
        ({"counts": {"due": "many"}}, "status.counts.due"),
        ({"counts": {"due": -1}}, "status.counts.due"),
        ({"nextRunTime": "soon"}, "status.nextRunTime"),
        ({"queued": [{"name": "a", "scheduledTime": "soon"}]}, "status.queued[0].scheduledTime"),
        ({"lastOutcome": "Perhaps"}, "status.lastOutcome"),
        ({"active": [{"name": "a"}]}, "status.active[0].scheduledTime"),
        ({"conditions": [{"type": "Ready"}]}, "status.conditions[0].status"),
        ({"history": "long"}, "status.history"),
    ],
)
def test_a_status_of_nonsense_is_refused(cluster: Cluster, resource: str, nonsense: Json, where: str) -> None:
    assert f"{where}: " in patch_status(cluster, resource, nonsense, check=False)
    assert "status" not in get(cluster, resource)


def test_a_status_comes_back_as_it_was_written(cluster: Cluster, resource: str) -> None:
    written = Status(
        observed_generation=1,
        armed_time=1_795_222_800,
        queued=(QueuedRun(name="a-1795222800", scheduled_time=1_795_222_800),),
    )
    patch_status(cluster, resource, written.model_dump(mode="json", by_alias=True, exclude_unset=True))
    assert Status.read(get(cluster, resource)["status"]) == written


def test_explain_reads_well(cluster: Cluster) -> None:
    text = explain(cluster, "scheduledjob.spec.trigger")
    assert "trigger defines the fire times in structured form; exactly one member is set." in text
    assert "anyOf <[]Object> anyOf fires when at least one of its members fires." in text
    assert "date <Object> date fires once, at a given instant." in text


def test_explain_goes_as_deep_as_triggers_nest(cluster: Cluster) -> None:
    text = explain(cluster, "scheduledjob.spec.trigger.anyOf.allOf.cron.dayOfWeek")
    assert "dayOfWeek by name, as in `mon-fri`" in text


def test_explain_names_the_words_of_a_choice(cluster: Cluster) -> None:
    text = explain(cluster, "scheduledjob.spec.concurrencyPolicy")
    assert "ENUM: Forbid Allow Replace Queue" in text
    assert "Unset: Forbid." in text


def explain(cluster: Cluster, path: str) -> str:
    """The text with its lines joined: where they break is kubectl's."""
    return " ".join(cluster.kubectl("explain", path).stdout.split())
