"""ScheduledJobs that no schema would let through: every field may be anything, and so may the status."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
NONSENSE: tuple[Any, ...] = (
    None, True, 0, -1, 2**31, 2**63 - 1, 1e300, "", " ", "\u0000", "🕰️", "null", "-1", "2099-01-01T00:00:00Z",
    "not a time", "A" * 5_000, [], [[]], [None], ["*"] * 2_000, {}, {"": ""}, {"cron": {}},
    {"interval": {"seconds": "1"}},
)  # fmt: skip
"""What a field may hold instead."""
SPECS: tuple[Json, ...] = (
    {"schedule": "* * * * *", "task": {"name": "kalends.echo", "args": [], "kwargs": {}}},
    {"trigger": {"cron": {"second": "*/7", "minute": "*"}}, "task": {"name": "kalends.echo"}, "executor": "default"},
    {"trigger": {"interval": {"seconds": 9}}, "jobTemplate": {"metadata": {}, "spec": {"template": {"spec": {}}}}},
    {"trigger": {"anyOf": [{"date": {"at": "2030-01-01T00:00:00Z"}}, {"interval": {"minutes": 3}}]}, "task": {}},
    {"schedule": "@hourly", "timeZone": "Europe/Berlin", "exclude": [{"from": "2026-01-01", "to": "2026-01-02"}]},
    {"schedule": "0 0 30 2 *", "retry": {"limit": 1}, "maxRuns": 1, "coalesce": "All", "task": {"name": "no.such"}},
)
STATUS: Json = {
    "observedGeneration": 1,
    "armedTime": "2026-01-01T00:00:00Z",
    "decidedUntilTime": "2026-01-01T00:00:00Z",
    "scheduleHash": "0123456789abcdef",
    "counts": {"due": 3, "started": 3, "active": 1, "succeeded": 2},
    "active": [{"name": "x-1", "scheduledTime": "2026-01-01T00:00:00Z", "holder": "no-operator", "attempt": 1}],
    "queued": [{"name": "x-2", "scheduledTime": "2026-01-01T00:00:00Z"}],
    "history": [{"name": "x-0", "scheduledTime": "2026-01-01T00:00:00Z", "outcome": "Succeeded"}],
    "conditions": [
        {"type": "Ready", "status": "True", "reason": "Armed", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    ],
    "handledRequests": ["a"],
    "lastMisfire": {"scheduledTime": "2026-01-01T00:00:00Z", "reason": "X"},
}
MEGABYTE = 1_000_000


def malformed(namespace: str, count: int, chance: random.Random) -> list[Json]:
    """Return so many of them, each with something wrong in its spec, its status, or both."""
    return [_one(f"malformed-{n}", namespace, chance, large=n % 30 == 0) for n in range(count)]


def _one(name: str, namespace: str, chance: random.Random, *, large: bool) -> Json:
    spec, status = copy.deepcopy(chance.choice(SPECS)), copy.deepcopy(STATUS)
    for _ in range(chance.randint(1, 3)):
        _spoil(spec, chance)
    for _ in range(chance.randint(0, 3)):
        _spoil(status, chance)
    if large:
        status["history"] = [{"name": "h", "message": "x" * MEGABYTE}]
    said: Json = {"apiVersion": "kalends.dev/v1alpha1", "kind": "ScheduledJob"}
    return {**said, "metadata": {"name": name, "namespace": namespace}, "spec": spec, "status": status}


def _spoil(value: Any, chance: random.Random) -> None:
    """Put nonsense into some place of an object, or a field that nobody knows."""
    if chance.random() < 0.15:
        value[chance.choice(("unknown", "Schedule", "🕰️"))] = copy.deepcopy(chance.choice(NONSENSE))
        return
    key = chance.choice(list(value))
    inner = value[key]
    if isinstance(inner, list) and inner and isinstance(inner[0], dict) and chance.random() < 0.7:
        inner = inner[0]
    if isinstance(inner, dict) and inner and chance.random() < 0.7:
        _spoil(inner, chance)
        return
    value[key] = copy.deepcopy(chance.choice(NONSENSE))


def lenient(crd: Path) -> Json:
    """Return the CRD with a schema that accepts anything."""
    (found,) = (one for one in yaml.safe_load_all(crd.read_text()) if one)
    for version in found["spec"]["versions"]:
        version["schema"] = {
            "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        }
        version.pop("additionalPrinterColumns", None)
        version.pop("selectableFields", None)
    answer: Json = found
    return answer
