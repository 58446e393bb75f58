from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kalends.errors import InvalidSettings
from kalends.model import Coalesce
from kalends.settings import ExecutorKind, ExecutorSettings, LeaderElection, Settings


def test_there_is_always_a_default_executor_of_ten_threads() -> None:
    default = Settings.load().executors["default"]
    assert (default.kind, default.workers) == (ExecutorKind.THREADS, 10)


def test_there_is_a_pool_of_processes_where_no_executors_are_named(tmp_path: Path) -> None:
    assert Settings.load().executors["processes"] == ExecutorSettings(kind=ExecutorKind.PROCESSES, workers=2)
    file = tmp_path / "settings.yaml"
    file.write_text("executors: {slow: {workers: 1}}\n")
    assert Settings.load(file).executors.keys() == {"default", "slow"}


def test_the_environment_wins_over_the_file_and_options_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("time_zone: Europe/Berlin\ndrain_seconds: 5\njob_defaults: {coalesce: All}\n")
    monkeypatch.setenv("KALENDS_TIME_ZONE", "Asia/Tokyo")
    settings = Settings.load(file, drain_seconds=7.0)
    assert settings.time_zone == "Asia/Tokyo"
    assert settings.job_defaults.coalesce is Coalesce.ALL
    assert settings.drain_seconds == 7.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("executor: {}", "unknown setting 'executor'; did you mean 'executors'?"),
        ("a_b_c: 1", "unknown setting 'a_b_c'"),
        ("1: UTC", "unknown setting 1"),
        (
            "job_defaults: {coalese: All}",
            "unknown setting 'job_defaults.coalese'; did you mean 'job_defaults.coalesce'?",
        ),
        (
            "executors: {own: {worker: 1}}",
            "unknown setting 'executors.own.worker'; did you mean 'executors.own.workers'?",
        ),
        ("time_zone: Berlin", "time_zone must be an IANA time zone name such as 'Europe/Berlin', got 'Berlin'"),
        ("time_zone: posix/UTC", "IANA time zone name"),
        ("executors: {jobs: {}}", "executors must not name an executor 'jobs'"),
        ("executors: {Own: {}}", "the name 'Own' in executors must match"),
        ("executors: [threads]", "executors must be an object, got a list"),
        (
            "executors: {default: {kind: fibers}}",
            "executors.default.kind must be 'threads' or 'processes', got 'fibers'",
        ),
        ("executors: {default: {workers: 0}}", "executors.default.workers must be at least 1, got 0"),
        ("executors: {default: {workers: many}}", "executors.default.workers must be an integer, got 'many'"),
        (
            "executors: {default: {max_runs_per_worker: 1}}",
            "executors.default must not have max_runs_per_worker: only kind 'processes' has it",
        ),
        (
            "executors: {slow: {kind: processes, max_runs_per_worker: 0}}",
            "executors.slow.max_runs_per_worker must be at least 1, got 0",
        ),
        (
            "executors: {slow: {kind: processes, max_replaced_threads: 1}}",
            "executors.slow must not have max_replaced_threads: only kind 'threads' has it",
        ),
        ("executors:", "executors must be an object, got nothing"),
        ("health_port: 70000", "health_port must be at most 65535, got 70000"),
        ("events_for_success: maybe", "events_for_success must be true or false, got 'maybe'"),
        ("namespaces: blue", "namespaces must be a list, got 'blue'"),
        ("namespaces: [Blue]", "namespaces.0 must match"),
        ("leader_election: {lease_duration: 1}", "leader_election must have lease_duration > renew_deadline"),
        ("- a list", "must hold an object"),
        ("a: [", "readable YAML"),
    ],
)
def test_what_is_not_accepted_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSettings) as refused:
        Settings.load(file)
    assert says in str(refused.value)
    assert "Value error" not in str(refused.value)


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("drain_seconds: -1\nhealth_prt: 1")
    with pytest.raises(
        InvalidSettings, match=r"drain_seconds .*; unknown setting 'health_prt'; did you mean 'health_port'"
    ):
        Settings.load(file)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time_zone": "Nowhere/Land"}, "IANA time zone name"),
        ({"namespaces": ("",)}, "namespaces.0 must match"),
        ({"drain": 1}, "unknown setting 'drain'"),
        ({"leader_election": {"enable": True}}, "did you mean 'leader_election.enabled'"),
    ],
)
def test_options_are_validated_like_everything_else(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        Settings.load(None, **options)
    assert says in str(refused.value)


def test_an_option_changes_its_part_of_an_object_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text("leader_election: {namespace: mine, name: file}")
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__NAME", "environment")
    election = Settings.load(file, leader_election={"enabled": False}).leader_election
    assert (election.enabled, election.namespace, election.name) == (False, "mine", "environment")


def test_the_environment_is_validated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALENDS_EXECUTORS", "{default")
    with pytest.raises(InvalidSettings, match="must be JSON"):
        Settings.load()
    monkeypatch.setenv("KALENDS_EXECUTORS", '{"default": {"workers": 0}}')
    with pytest.raises(InvalidSettings, match=r"executors\.default\.workers must be at least 1"):
        Settings.load()


def test_a_namespace_is_watched_once() -> None:
    assert Settings.load(None, namespaces=("a", "b", "a")).namespaces == ("a", "b")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="readable YAML"):
        Settings.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("said", "pod", "enabled", "namespace"),
    [
        ({}, None, False, None),
        ({}, "kalends-system", True, "kalends-system"),
        ({"namespace": "mine"}, None, True, "mine"),
        ({"namespace": "mine"}, "kalends-system", True, "mine"),
        ({"enabled": False}, "kalends-system", False, "kalends-system"),
        ({"enabled": True}, "kalends-system", True, "kalends-system"),
    ],
)
def test_a_lease_is_taken_where_its_namespace_is_known(
    said: dict[str, Any], pod: str | None, enabled: bool, namespace: str | None
) -> None:
    settled = LeaderElection(**said).settled(pod)
    assert (settled.enabled, settled.namespace) == (enabled, namespace)


def test_a_pod_in_a_namespace_that_cannot_be_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="leader_election: namespace must match"):
        LeaderElection().settled("Not A Name")


def test_a_lease_that_is_asked_for_needs_a_namespace() -> None:
    with pytest.raises(InvalidSettings, match=r"leader_election\.namespace must be set"):
        LeaderElection(enabled=True).settled(None)


@pytest.mark.parametrize("said", ["lease_duration: 10", "renew_deadline: 20", "retry_period: 10", "retry_period: 0"])
def test_a_lease_without_a_margin_is_refused(tmp_path: Path, said: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(f"leader_election: {{{said}}}")
    with pytest.raises(InvalidSettings, match="leader_election"):
        Settings.load(file)


def test_the_environment_sets_one_part_of_the_election(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__NAMESPACE", "mine")
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__LEASE_DURATION", "30")
    election = Settings.load().leader_election
    assert (election.namespace, election.lease_duration, election.retry_period) == ("mine", 30.0, 2.0)
