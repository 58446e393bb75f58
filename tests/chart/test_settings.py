"""Values become settings, and modules of tasks become importable."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import yaml

from chart.rendering import EVERYTHING, Json, render
from kalends.model import Coalesce
from kalends.settings import ExecutorKind, ExecutorSettings, LeaderElection, Settings
from kalends.tasks import Registry

NOT_FOR_THE_CHART = {"health_host"}
"""Settings that make no difference in a pod."""


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"KALENDS_{name.upper()}", raising=False)
    return Load(tmp_path / "settings.yaml")


class Load:
    """Reads the settings of a release as the operator in its pod does."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, values: Json | None = None) -> Settings:
        self._file.write_text(render(values).settings)
        return Settings.load(self._file)


def test_the_defaults_of_the_chart_are_those_of_the_operator_but_for_a_pool_of_processes(loaded: Load) -> None:
    given, own = loaded().model_dump(), Settings(time_zone="UTC").model_dump()
    assert given.pop("executors") == {
        **own.pop("executors"),
        "processes": {
            "kind": ExecutorKind.PROCESSES,
            "workers": 2,
            "max_runs_per_worker": None,
            "max_replaced_threads": None,
        },
    }
    # What the operator finds out in a pod, the chart knows.
    assert given["leader_election"].pop("enabled") is True
    assert own["leader_election"].pop("enabled") is None
    assert given == own


def test_the_chart_knows_every_setting() -> None:
    assert yaml.safe_load(render(EVERYTHING).settings).keys() == Settings.model_fields.keys() - NOT_FOR_THE_CHART


def test_each_value_arrives(loaded: Load) -> None:
    settings = loaded(
        {
            "watchNamespaces": ["blue", "green"],
            "settings": {
                "timeZone": "Europe/Berlin",
                "executors": {
                    "processes": None,
                    "default": {"maxReplacedThreads": 0},
                    "slow": {"kind": "processes", "workers": 3, "maxRunsPerWorker": 1},
                },
                "jobs": {"maxRunning": 7},
                "jobDefaults": {
                    "coalesce": "All",
                    "maxInstances": 4,
                    "startingDeadlineSeconds": 0,
                    "executor": "slow",
                },
                "drainSeconds": 3600,
                "apiConnections": 500,
                "eventsForSuccess": True,
            },
            "leaderElection": {
                "enabled": False,
                "name": "mine",
                "leaseDuration": 30,
                "renewDeadline": 20.5,
                "retryPeriod": 5,
            },
        }
    )
    assert settings.leader_election == LeaderElection(
        enabled=False, name="mine", lease_duration=30, renew_deadline=20.5, retry_period=5
    )
    assert settings.namespaces == ("blue", "green")
    assert settings.time_zone == "Europe/Berlin"
    assert settings.executors == {
        "default": ExecutorSettings(max_replaced_threads=0),
        "slow": ExecutorSettings(kind=ExecutorKind.PROCESSES, workers=3, max_runs_per_worker=1),
    }
    assert settings.jobs.max_running == 7
    assert settings.job_defaults.coalesce is Coalesce.ALL
    assert settings.job_defaults.max_instances == 4
    assert settings.job_defaults.starting_deadline_seconds == 0
    assert settings.job_defaults.executor == "slow"
    assert (settings.drain_seconds, settings.api_connections, settings.events_for_success) == (3600, 500, True)


@pytest.mark.parametrize("alias", ["1", "on", "null", "a-b", "x" * 63])
def test_an_executor_may_have_any_name_that_the_operator_accepts(loaded: Load, alias: str) -> None:
    settings = loaded({"settings": {"executors": {alias: {"kind": "threads", "workers": 1}}}})
    assert alias in settings.executors


def test_modules_from_everywhere_may_be_named(loaded: Load) -> None:
    assert loaded(EVERYTHING).task_modules == ("acme.tasks", "reports", "billing", "mail")


def test_modules_are_mounted_in_one_folder_that_is_on_the_import_path() -> None:
    release = render(EVERYTHING)
    (mount,) = [one for one in release.container["volumeMounts"] if one["name"] == "tasks"]
    (volume,) = [one for one in release.pod["spec"]["volumes"] if one["name"] == "tasks"]
    assert {"name": "PYTHONPATH", "value": mount["mountPath"]} in release.container["env"]
    assert volume["projected"]["sources"] == [
        {"configMap": {"name": "kalends-tasks"}},
        {
            "configMap": {
                "name": "team-tasks",
                "items": [{"key": "billing.py", "path": "billing.py"}, {"key": "mail.py", "path": "mail.py"}],
            }
        },
    ]


def test_without_user_tasks_nothing_is_mounted() -> None:
    release = render()
    assert [one["name"] for one in release.container["volumeMounts"]] == ["settings", "tmp"]
    assert "PYTHONPATH" not in {one["name"] for one in release.container["env"]}


CODE = '''\
"""Reports: "quotes", {{ braces }} and umlauts: ü."""

import kalends


@kalends.task
def nightly(customer: str) -> str:
    return f"report for {customer}"
'''


def test_an_inline_module_arrives_to_the_letter_and_its_task_can_be_called(
    tmp_path: Path, loaded: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"tasks": {"files": {"chart_reports.py": CODE}}}
    for name, text in render(values).the("ConfigMap", "-tasks")["data"].items():
        (tmp_path / name).write_text(text)
    assert (tmp_path / "chart_reports.py").read_text() == CODE
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    task = Registry.load(loaded(values).task_modules).find("chart_reports.nightly")
    monkeypatch.delitem(sys.modules, "chart_reports")
    assert task.function("acme") == "report for acme"
