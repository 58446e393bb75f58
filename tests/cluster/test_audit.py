"""The auditor audited: forged evidence of every kind must be found, and honest evidence must pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.audit import Act, Dossier, Execution, Fault, SeenJob, examine
from cluster.audit.__main__ import main
from cluster.audit.fire_times import fire_times, instant_of

BEGIN = 1_790_000_000  # a Monday in 2026, on a full minute and twenty seconds
EVERY_TWO_SECONDS = {"interval": {"seconds": 2}}


def task_spec(**more: Any) -> dict[str, Any]:
    work = {"name": "ledger.work", "kwargs": {"mark": "v1"}}
    return {"trigger": EVERY_TWO_SECONDS, "task": work, **more}


def act(what: str = "apply", at: float = BEGIN + 0.5, **more: Any) -> Act:
    given: dict[str, Any] = {"spec": task_spec(), **more}
    return Act(what, at, at + 0.1, "test", "tick", "uid-1", BEGIN, **given)


def ran(fire: int, *, attempt: int = 1, outcome: str = "ok", mark: str = "v1", **more: Any) -> Execution:
    end = None if outcome == "cut" else fire + 0.4
    shown = "" if outcome == "cut" else outcome
    honest = Execution("test", "tick", f"tick-{fire}", fire, attempt, mark, 10, (9, 8), fire + 0.1, end, shown)
    return replace(honest, **more)


def instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def resource(cursor: int, *history: dict[str, Any], **counts: int) -> dict[str, Any]:
    ready = {"type": "Ready", "status": "True", "reason": "Armed"}
    status = {
        "decidedUntilTime": instant(cursor),
        "counts": counts,
        "conditions": [ready],
        "history": list(history),
    }
    return {"metadata": {"uid": "uid-1", "namespace": "test", "name": "tick"}, "status": status}


FIVE = tuple(BEGIN + 2 * n for n in range(1, 6))
HONEST = Dossier(
    acts=[act()],
    faults=[],
    executions=[ran(fire) for fire in FIVE],
    jobs=[],
    final=[resource(FIVE[-1], due=5, started=5, succeeded=5)],
    at=FIVE[-1] + 1.0,
)


def found_in(dossier: Dossier) -> set[str]:
    return set(examine(dossier).kinds())


def test_honest_evidence_is_clean_and_its_fire_times_are_reported() -> None:
    verdict = examine(HONEST)
    assert verdict.is_clean, str(verdict)
    assert verdict.fates == {"ran to their end": 5}
    assert "5 fire times" in str(verdict)


def test_a_run_that_is_counted_but_never_ran_is_found() -> None:
    assert "lost" in found_in(replace(HONEST, executions=HONEST.executions[:-1]))


def test_an_undecided_fire_time_is_found() -> None:
    forged = resource(FIVE[-1], due=4, started=4, succeeded=4)
    missing = [one for one in HONEST.executions if one.fire != FIVE[2]]
    verdict = examine(replace(HONEST, executions=missing, final=[forged]))
    (finding,) = verdict.findings
    assert finding.kind == "lost"
    assert "counts.due is 4, too few: there were 5 fire times" in str(finding)
    assert str(FIVE[2] % 100_000) in str(finding), "it names the one that left no trace"


def test_a_run_that_ran_twice_is_found_even_though_the_counts_hide_it() -> None:
    again = ran(FIVE[1], pid=11, start=FIVE[1] + 0.2)
    verdict = examine(replace(HONEST, executions=[*HONEST.executions, again]))
    assert "doubled" in verdict.kinds()
    assert "in process 11" in str(verdict)


@pytest.mark.parametrize("name", ["due", "started", "succeeded"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_wrong_count_is_found(name: str, by: int) -> None:
    counts = {"due": 5, "started": 5, "succeeded": 5}
    counts[name] += by
    assert found_in(replace(HONEST, final=[resource(FIVE[-1], **counts)])) & {"count", "lost"}


def test_counts_that_balance_but_hide_a_run_are_found() -> None:
    assert found_in(replace(HONEST, final=[resource(FIVE[-1], due=5, started=4, missed=1, succeeded=4)])) >= {
        "count",
        "wrong decision",
    }


def test_a_run_for_an_instant_that_is_no_fire_time_is_found() -> None:
    assert "from nowhere" in found_in(replace(HONEST, executions=[*HONEST.executions, ran(FIVE[0] + 1)]))


def test_a_run_while_suspended_is_found_unless_the_operator_saw_suspension_and_resume_as_one_edit() -> None:
    suspended, resumed = task_spec(suspend=True), task_spec(suspend=False)
    edits = [
        act("edit", FIVE[1] + 0.2, spec=suspended, cursor=FIVE[1], generation=2, observed=1),
        act("edit", FIVE[2] + 0.9, spec=resumed, cursor=FIVE[2], generation=3, observed=1),
    ]
    unseen = replace(HONEST, acts=[act(generation=1), *edits])
    assert examine(unseen).is_clean, str(examine(unseen))
    seen = [edits[0], replace(edits[1], observed=2)]
    assert "from nowhere" in found_in(replace(unseen, acts=[act(generation=1), *seen]))
    other = [edits[0], replace(edits[1], spec=task_spec(trigger={"interval": {"seconds": 7}}))]
    assert "from nowhere" in found_in(replace(unseen, acts=[act(generation=1), *other]))


def test_a_run_that_no_manifest_asked_for_is_found() -> None:
    assert "from nowhere" in found_in(replace(HONEST, executions=[*HONEST.executions, ran(FIVE[0], mark="v9")]))


def test_a_cursor_that_stands_still_is_found() -> None:
    assert "lost" in found_in(replace(HONEST, at=FIVE[-1] + 60.0))


def test_a_run_cut_by_a_kill_must_be_recorded_as_lost() -> None:
    cut = [*HONEST.executions[:-1], ran(FIVE[-1], outcome="cut")]
    kill = Fault("kill", FIVE[-1] + 0.3, FIVE[-1] + 0.8)
    honest = resource(FIVE[-1], due=5, started=5, succeeded=4, lost=1)
    assert examine(replace(HONEST, executions=cut, faults=[kill], final=[honest])).is_clean
    assert "outcome" in found_in(replace(HONEST, executions=cut, faults=[kill]))


def test_a_run_that_went_well_may_be_lost_only_if_its_operator_was_killed() -> None:
    lost = resource(FIVE[-1], due=5, started=5, succeeded=4, lost=1)
    kill = Fault("kill", FIVE[-1] + 0.5, FIVE[-1] + 0.8)
    assert examine(replace(HONEST, faults=[kill], final=[lost])).is_clean
    assert "outcome" in found_in(replace(HONEST, final=[lost]))


def test_a_run_that_continued_in_a_replaced_operator_may_be_lost() -> None:
    lost = resource(FIVE[-1], due=5, started=5, succeeded=4, lost=1)
    last = HONEST.executions[-1]
    usurped = Fault("usurped", last.start - 1, last.start + 20, last.pid)
    assert examine(replace(HONEST, faults=[usurped], final=[lost])).is_clean
    for operator in last.ancestors:  # a worker process: the operator began it, or the process that did
        assert examine(replace(HONEST, faults=[replace(usurped, pid=operator)], final=[lost])).is_clean
    elsewhere = replace(usurped, pid=last.pid + 1000)
    assert "outcome" in found_in(replace(HONEST, faults=[elsewhere], final=[lost]))


def test_a_lost_run_is_retried_only_if_its_manifest_requests_it() -> None:
    runs = [*HONEST.executions[:-1], ran(FIVE[-1], outcome="cut")]
    runs.append(ran(FIVE[-1], attempt=2, start=FIVE[-1] + 1.0, end=FIVE[-1] + 1.2))
    kill = Fault("kill", FIVE[-1] + 0.3, FIVE[-1] + 0.8)
    for retry, kinds in (({"limit": 2}, {"doubled"}), ({"limit": 2, "onLost": True}, set())):
        given = replace(HONEST, acts=[act(spec=task_spec(retry=retry))], executions=runs, faults=[kill])
        assert found_in(given) == kinds, retry


def test_two_runs_at_once_are_found_unless_they_are_allowed() -> None:
    runs = [replace(HONEST.executions[0], end=FIVE[1] + 0.3), *HONEST.executions[1:]]
    assert "overlap" in found_in(replace(HONEST, executions=runs))
    allowed = act(spec=task_spec(concurrencyPolicy="Allow"))
    assert examine(replace(HONEST, executions=runs, acts=[allowed])).is_clean


@pytest.mark.parametrize(("completed", "kinds"), [(FIVE[1], set()), (FIVE[1] + 1, {"overlap"})])
def test_a_replaced_run_ends_at_its_recorded_end(completed: int, kinds: set[str]) -> None:
    cut = ran(FIVE[0], outcome="cut")
    runs = [cut, *HONEST.executions[1:]]
    gone = {
        "name": cut.run,
        "scheduledTime": instant(FIVE[0]),
        "completionTime": instant(completed),
        "outcome": "Cancelled",
        "reason": "Replaced",
    }
    record = resource(FIVE[-1], gone, due=5, started=5, succeeded=4, cancelled=1)
    replacing = act(spec=task_spec(concurrencyPolicy="Replace"))
    assert found_in(replace(HONEST, acts=[replacing], executions=runs, final=[record])) == kinds


def test_a_history_that_contradicts_the_ledger_is_found() -> None:
    entry = {"name": f"tick-{FIVE[0]}", "scheduledTime": instant(FIVE[0]), "outcome": "Missed"}
    forged = resource(FIVE[-1], entry, due=5, started=5, succeeded=5)
    assert "outcome" in found_in(replace(HONEST, final=[forged]))


def test_a_run_before_its_fire_time_and_one_long_after_its_deadline_are_found() -> None:
    early = [replace(HONEST.executions[0], start=FIVE[0] - 0.2), *HONEST.executions[1:]]
    assert "early" in found_in(replace(HONEST, executions=early))
    late = [*HONEST.executions[:-1], replace(HONEST.executions[-1], start=FIVE[-1] + 30.0, end=FIVE[-1] + 31.0)]
    strict = act(spec=task_spec(startingDeadlineSeconds=1))
    assert "late" in found_in(replace(HONEST, executions=late, acts=[strict]))


def test_around_an_edit_the_answer_of_the_api_server_says_what_was_decided() -> None:
    """Edited to every three seconds, with a new mark, when the cursor was at the second fire time."""
    edited = task_spec(trigger={"interval": {"seconds": 3}}, task={"name": "w", "kwargs": {"mark": "v2"}})
    edit = act("edit", FIVE[1] + 1.2, spec=edited, cursor=FIVE[1])
    after = [BEGIN + 6, BEGIN + 9]
    runs = [*HONEST.executions[:2], *(ran(fire, mark="v2") for fire in after)]
    honest = replace(
        HONEST, acts=[act(), edit], executions=runs, final=[resource(BEGIN + 9, due=4, started=4, succeeded=4)]
    )
    assert examine(honest).is_clean, str(examine(honest))
    for_the_past = replace(honest, executions=[*runs, ran(BEGIN + 3, mark="v2")])
    assert "from nowhere" in found_in(for_the_past)
    as_it_was = replace(honest, executions=[*runs[:-1], ran(BEGIN + 9, mark="v1")])
    assert "old manifest" in found_in(as_it_was)


def test_what_fires_while_suspended_is_found() -> None:
    stop = act("edit", FIVE[1] + 0.6, spec=task_spec(suspend=True), cursor=FIVE[1])
    suspended = replace(HONEST, acts=[act(), stop], final=[resource(FIVE[1], due=2, started=2, succeeded=2)])
    assert examine(replace(suspended, executions=HONEST.executions[:2])).is_clean
    assert "from nowhere" in found_in(replace(suspended, executions=HONEST.executions[:3]))


def job(fire: int, **more: Any) -> SeenJob:
    honest = SeenJob(
        "test", f"tick-{fire}", f"job-{fire}", "uid-1", fire, 1, "", fire, completed=fire + 1, outcome="ok"
    )
    return replace(honest, **more)


def test_a_second_job_for_a_fire_time_and_a_job_that_is_missing_are_found() -> None:
    spec = {"trigger": EVERY_TWO_SECONDS, "jobTemplate": {}}
    honest = replace(HONEST, acts=[act(spec=spec)], executions=[], jobs=[job(fire) for fire in FIVE])
    assert examine(honest).is_clean, str(examine(honest))
    assert "doubled" in found_in(replace(honest, jobs=[*honest.jobs, job(FIVE[0], uid="another")]))
    assert "lost" in found_in(replace(honest, jobs=honest.jobs[1:]))
    failed = [job(FIVE[0], outcome="fail"), *honest.jobs[1:]]
    assert "outcome" in found_in(replace(honest, jobs=failed))


def test_a_job_of_the_old_manifest_counts_only_where_it_was_made_before_the_edit_was_seen() -> None:
    """Suspended at the third fire time, whose Job had been created and was not yet recorded."""
    spec: dict[str, Any] = {"trigger": EVERY_TWO_SECONDS, "jobTemplate": {}}
    stop = act("edit", FIVE[2] + 0.2, spec={**spec, "suspend": True}, cursor=FIVE[1])
    jobs = [job(fire) for fire in FIVE[:3]]
    final = resource(FIVE[2], due=3, started=3, succeeded=3)
    honest = replace(HONEST, acts=[act(spec=spec), stop], executions=[], jobs=jobs, final=[final])
    assert examine(honest).is_clean, str(examine(honest))
    uncounted = resource(FIVE[1], due=2, started=2, succeeded=2)
    assert found_in(replace(honest, final=[uncounted])) == {"count", "outcome"}
    counted_without_a_job = replace(honest, jobs=jobs[:2])
    assert "count" in found_in(counted_without_a_job)
    much_later = job(FIVE[2] + 62)
    assert "from nowhere" in found_in(replace(honest, jobs=[*jobs, much_later]))


def test_what_is_still_active_at_a_quiet_end_is_found() -> None:
    forged = resource(FIVE[-1], due=5, started=5, succeeded=4, active=1)
    assert "stuck" in found_in(replace(HONEST, final=[forged]))


def test_a_request_runs_once_and_the_last_request_must_be_handled() -> None:
    request = act("request", FIVE[0] + 0.3, request="t1")
    requested = replace(ran(FIVE[0] + 1), run="tick-m-abcdefg2", start=FIVE[0] + 1.2)
    final = resource(FIVE[-1], due=5, requested=1, started=6, succeeded=6)
    final["status"]["handledRequests"] = ["t1"]
    honest = replace(HONEST, acts=[act(), request], executions=[*HONEST.executions, requested], final=[final])
    assert examine(honest).is_clean, str(examine(honest))
    assert "lost" in found_in(replace(HONEST, acts=[act(), request]))
    twice = replace(requested, pid=12, start=requested.start + 0.1)
    assert "doubled" in found_in(replace(honest, executions=[*honest.executions, twice]))


def test_a_run_that_continues_after_its_operator_was_killed_is_found() -> None:
    kill = Fault("kill", FIVE[0] + 0.2, FIVE[0] + 0.9)
    runs = [replace(HONEST.executions[0], end=FIVE[0] + 9.0), *HONEST.executions[1:]]
    assert "lingering" in found_in(replace(HONEST, executions=runs, faults=[kill]))
    orphan = [replace(HONEST.executions[0], ancestors=(1,)), *HONEST.executions[1:]]
    assert "lingering" in found_in(replace(HONEST, executions=orphan))


def test_a_dossier_is_kept_read_again_and_audited_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    HONEST.save(tmp_path / "honest")
    assert examine(Dossier.load(tmp_path / "honest")).is_clean
    assert Dossier.load(tmp_path / "honest").executions == HONEST.executions
    replace(HONEST, executions=HONEST.executions[1:]).save(tmp_path / "forged")
    monkeypatch.setattr("sys.argv", ["audit", str(tmp_path / "honest"), str(tmp_path / "forged")])
    assert main() == 1
    shown = capsys.readouterr().out
    assert "honest: CLEAN" in shown
    assert "forged: NOT CLEAN" in shown


def test_fire_times_are_counted_without_the_product() -> None:
    def listed(until: int = 60, **spec: Any) -> list[int]:
        return [t - BEGIN for t in fire_times(spec, created=BEGIN, after=BEGIN, until=BEGIN + until)]

    assert listed(trigger={"cron": {"second": "*/20"}}) == [20, 40, 60]
    assert listed(trigger={"interval": {"seconds": 25}}) == [25, 50]
    assert listed(schedule="* * * * *") == [40], "the moment it begins is twenty seconds past the minute"
    started = instant(BEGIN + 10)
    assert listed(trigger={"interval": {"seconds": 25}}, startTime=started) == [10, 35, 60]
    either = {"anyOf": [{"interval": {"seconds": 30}}, {"cron": {"second": "*/20"}}]}
    assert listed(trigger=either) == [20, 30, 40, 60]
    both = {"allOf": [{"cron": {"second": "*/2"}}, {"cron": {"second": "*/3"}}]}
    assert listed(14, trigger=both) == [4, 10]
    shut = [{"from": instant(BEGIN + 20), "to": instant(BEGIN + 40)}]
    assert listed(trigger={"interval": {"seconds": 10}}, exclude=shut) == [10, 50, 60]
    assert listed(trigger={"date": {"at": instant(BEGIN + 5)}}) == [5]
    assert fire_times({}, created=BEGIN, after=BEGIN - 1, until=BEGIN) == [BEGIN]
    assert instant_of(instant(BEGIN)) == BEGIN
