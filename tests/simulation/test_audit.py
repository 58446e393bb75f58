"""The audit itself is audited: a product that is broken on purpose is found out within a few seeds.

The seams that are broken here are the product's own laws, one at a time, as a careless change might break them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kalends.engine.core.holders import Holders
from kalends.engine.core.run_names import run_name
from kalends.engine.decisions import decide as deciding
from kalends.engine.decisions import draft_view, restored
from kalends.engine.decisions.claims import claims_to_start
from kalends.engine.decisions.draft import Draft
from kalends.engine.loop.scheduler import Scheduler
from kalends.executors.jobs.executor import JobsExecutor
from kalends.handlers.leading import Leading
from kalends.stores.crd import CrdJobStore
from simulation.seeds import history_of

SEEDS = range(1, 120)
"""Most breaches show within five of them; a start after its deadline in one of twenty-five."""
pytestmark = pytest.mark.slow


def found_out(*, restores: bool = False) -> str:
    """Return what the audit says first, of the first seed in which it finds anything."""
    for seed in SEEDS:
        wrong = history_of(str(seed), restores=restores).wrong
        if wrong:
            return wrong[0]
    return "nothing"


def test_an_edit_that_fires_for_the_past_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "arm", lambda schedule, state, now: replace(state, schedule_hash=schedule.hash))
    assert found_out() != "nothing"


def test_a_write_over_a_concurrent_write_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    write = CrdJobStore.write

    async def forced(self: CrdJobStore, ref: Any, version: Any, before: Any, after: Any) -> Any:
        fresh = await self.read(ref)
        return await write(self, ref, fresh.version, before, after)

    monkeypatch.setattr(CrdJobStore, "write", forced)
    assert found_out() != "nothing"


def test_two_that_lead_at_once_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leading, "may_act", lambda self: True)
    monkeypatch.setattr(Leading, "end_term", lambda self: None)
    assert found_out() != "nothing"


def test_a_lost_run_that_is_never_reported_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holders, "is_gone", lambda self, holder: False)
    assert found_out() != "nothing"


def test_a_name_that_is_not_the_same_twice_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    name, turn = run_name, [0]

    def unsteady(resource: Any, fire_time: Any, attempt: Any = 1, request: Any = "") -> Any:
        turn[0] += 1
        return f"{name(resource, fire_time, attempt, request)}x{turn[0] % 2}"

    monkeypatch.setattr(draft_view, "run_name", unsteady)
    assert found_out() != "nothing"


def test_a_queue_that_serves_the_youngest_first_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Draft.queue
    monkeypatch.setattr(Draft, "queue", lambda self: queue(self)[::-1])
    assert found_out() != "nothing"


def test_a_deletion_that_stops_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "forget", lambda self, key, uid: None)
    assert found_out() != "nothing"


def test_a_deadline_that_is_never_checked_again_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    original = claims_to_start

    def careless(schedule: Any, state: Any, facts: Any) -> Any:
        return original(replace(schedule, grace_time=None), state, facts)

    monkeypatch.setattr(deciding, "claims_to_start", careless)
    assert found_out() != "nothing"


def test_jobs_that_are_not_adopted_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "adopt_passed_over", lambda draft, since: None)
    monkeypatch.setattr(JobsExecutor, "views", lambda self, uid: ())
    assert found_out() != "nothing"


def test_a_release_that_decides_on_what_another_release_decides_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holders, "may_decide", lambda self, record: True)
    found = next((wrong[0] for seed in range(1, 9) if (wrong := history_of(str(seed), releases=2).wrong)), "")
    assert "takes over from" in found


def test_a_request_that_came_with_a_restored_resource_and_runs_again_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(restored, "came_along", lambda request, facts, *, later: ())
    assert found_out(restores=True) != "nothing"


def test_a_restored_resource_that_is_not_held_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "held", lambda schedule, record, facts: schedule)
    assert found_out(restores=True) != "nothing"
