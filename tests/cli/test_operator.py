from __future__ import annotations

import logging

import pytest

from kalends.cli.operator import TextLines, settings_of
from kalends.errors import InvalidSettings


@pytest.mark.parametrize(
    ("pod", "said", "enabled"),
    [
        (None, None, False),
        ("kalends-system", None, True),
        ("kalends-system", False, False),
        ("kalends-system", True, True),
    ],
)
def test_in_a_pod_it_acts_with_a_lease_unless_it_is_told_otherwise(pod, said, enabled, monkeypatch):
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    if pod is not None:
        monkeypatch.setenv("POD_NAMESPACE", pod)
    election = settings_of(None, (), leader_elect=said).leader_election
    assert (election.enabled, election.namespace) == (enabled, pod)


def test_outside_a_pod_a_lease_needs_a_namespace_and_settings_give_it(monkeypatch):
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    with pytest.raises(InvalidSettings, match=r"leader_election\.namespace must be set"):
        settings_of(None, (), leader_elect=True)
    monkeypatch.setenv("KALENDS_LEADER_ELECTION__NAMESPACE", "mine")
    assert settings_of(None, (), leader_elect=None).leader_election.enabled is True


def test_namespaces_on_the_command_line_win(monkeypatch):
    monkeypatch.setenv("KALENDS_NAMESPACES", '["blue"]')
    assert settings_of(None, (), leader_elect=None).namespaces == ("blue",)
    assert settings_of(None, ("green",), leader_elect=None).namespaces == ("green",)


def test_no_message_forges_a_line_of_the_log() -> None:
    record = logging.LogRecord(
        "kalends", logging.WARNING, __file__, 1, "got %s", ("a\n2026 ERROR b\x00\x1b[31m é",), None
    )
    assert TextLines("%(message)s").format(record) == r"got a\n2026 ERROR b\x00\x1b[31m é"
