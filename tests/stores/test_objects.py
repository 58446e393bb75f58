"""What cannot be carried out still says when it would be due: `kubectl get` shows that."""

from __future__ import annotations

from typing import Any

import pytest

from doubles import resource, snapshot_of


def refused(**spec: Any) -> str:
    obj = resource("nightly") | {"spec": {"task": {"name": "kalends.echo"}, **spec}}
    snapshot = snapshot_of(obj)
    assert snapshot.problem is not None
    return snapshot.problem.summary


@pytest.mark.parametrize(
    ("spec", "summary"),
    [
        ({"schedule": "99 * * * *"}, "99 * * * *"),
        ({"schedule": "@daily", "timeZone": "Europe/Berlim"}, "@daily"),
        ({"trigger": {"interval": {"hours": 6}}, "timeZone": "Nowhere"}, "every 6h"),
        ({"schedule": "@daily", "suspend": "yes"}, "@daily"),
        ({"schedule": 5}, ""),
    ],
)
def test_a_refused_schedule_says_when_it_would_be_due(spec: dict[str, Any], summary: str) -> None:
    assert refused(**spec) == summary


def test_a_record_that_cannot_be_read_names_what_may_have_happened_and_what_helps() -> None:
    snapshot = snapshot_of(
        {**resource("nightly"), "status": {"armedTime": "2026-01-01T00:00:00Z", "counts": {"due": 5}}}
    )
    assert snapshot.record_problem is not None
    message = snapshot.record_problem.message
    assert "counts must satisfy" in message
    assert "it was edited, or a CRD older than the operator dropped fields of it" in message
    assert "kubectl edit --subresource=status" in message
