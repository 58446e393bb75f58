from __future__ import annotations

import pytest

from kalends.errors import InvalidSettings
from kalends.model import Coalesce
from kalends.settings import ExecutorKind, LeaderElection, Settings


def test_there_is_always_a_default_executor_of_ten_threads():
    default = Settings.load().executors["default"]
    assert (default.kind, default.workers) == (ExecutorKind.THREADS, 10)


def test_the_environment_wins_over_the_file_and_options_over_both(tmp_path, monkeypatch):
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
        ("tme_zone: UTC", "tme_zone"),
        ("time_zone: Berlin", "IANA time zone name such as 'Europe/Berlin', got 'Berlin'"),
        ("time_zone: posix/UTC", "IANA time zone name"),
        ("executors: {jobs: {}}", "must not name an executor 'jobs'"),
        ("executors: {default: {kind: fibers}}", "executors.default.kind"),
        ("executors: {default: {workers: 0}}", "executors.default.workers"),
        ("- a list", "must hold an object"),
        ("a: [", "readable YAML"),
    ],
)
def test_what_is_not_accepted_is_named(tmp_path, text, says):
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    with pytest.raises(InvalidSettings, match=says.replace("[", r"\[")):
        Settings.load(file)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
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
def test_a_lease_is_taken_where_its_namespace_is_known(said, pod, enabled, namespace):
    settled = LeaderElection(**said).settled(pod)
    assert (settled.enabled, settled.namespace) == (enabled, namespace)


def test_a_lease_that_is_asked_for_needs_a_namespace():
    with pytest.raises(InvalidSettings, match=r"leader_election\.namespace must be set"):
        LeaderElection(enabled=True).settled(None)


@pytest.mark.parametrize("said", ["lease_duration: 10", "renew_deadline: 20", "retry_period: 10", "retry_period: 0"])
def test_a_lease_without_a_margin_is_refused(tmp_path, said):
    file = tmp_path / "settings.yaml"
    file.write_text(f"leader_election: {{{said}}}")
    with pytest.raises(InvalidSettings, match="leader_election"):
        Settings.load(file)


def test_the_environment_sets_one_part_of_the_election(monkeypatch):
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__NAMESPACE", "mine")
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__LEASE_DURATION", "30")
    election = Settings.load().leader_election
    assert (election.namespace, election.lease_duration, election.retry_period) == ("mine", 30.0, 2.0)
