"""The laws of the engine, as properties: whatever happens in whatever order, every fire time is accounted for once.

A history is a list of steps: time passes, an operator decides and is killed somewhere between deciding and recording,
runs end, workers come and go. After each step the record must balance; at the end each fire time has one decision.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from doubles import JOB, START, every, resource, schedule_of
from kalends.engine.deciding import decide
from kalends.engine.facts import Facts
from kalends.engine.ports import JobView, RunReport
from kalends.engine.schedule import Schedule
from kalends.engine.state import State
from kalends.model import Outcome

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["pass", "decide", "die-before-create", "die-before-record", "end-run", "restart", "clock-back"]
        ),
        st.integers(0, 400),
    ),
    max_size=60,
)
SPECS = st.fixed_dictionaries(
    {
        "trigger": st.sampled_from([every(1), every(7), every(60), {"cron": {"second": "*/20"}}]),
        "coalesce": st.sampled_from(["Latest", "Earliest", "All"]),
        "concurrencyPolicy": st.sampled_from(["Forbid", "Allow"]),
        "maxInstances": st.integers(1, 3),
        "jitterSeconds": st.sampled_from([0, 5]),
    },
    optional={"startingDeadlineSeconds": st.integers(0, 100)},
)


@dataclass
class History:
    """A cluster, a store and an operator that may die at any point between them."""

    schedule: Schedule
    outlives_us: bool
    now: float = START
    operator: int = 0
    record: State | None = None
    here: set[str] = field(default_factory=set)
    reports: dict[str, RunReport] = field(default_factory=dict)
    jobs: dict[int, JobView] = field(default_factory=dict)
    ran: list[int] = field(default_factory=list)

    def facts(self) -> Facts:
        return Facts(
            now=self.now,
            me=f"operator-{self.operator}",
            outlives_us=self.outlives_us,
            free_slots=2 - len(self.here),
            reports=dict(self.reports),
            here=frozenset(self.here),
            jobs=tuple(self.jobs.values()) if self.outlives_us else None,
        )

    def decide(self, *, create: bool = True, record: bool = True) -> None:
        decision = decide(self.schedule, self.record, self.facts())
        for run in decision.starts_claimed:
            self.here.add(run.name)
            self.ran.append(run.fire_time)
        if not create:
            return self.restart()
        for run in decision.starts_before:
            if run.fire_time not in self.jobs:
                self.jobs[run.fire_time] = JobView(run.name, run.fire_time, int(self.now))
                self.ran.append(run.fire_time)
        if not record:
            return self.restart()
        self.record = decision.state
        gone = [name for name in self.reports if name not in {run.name for run in decision.state.active}]
        for name in gone:
            del self.reports[name]
            self.here.discard(name)
        for name in decision.deletes:
            self.jobs = {at: job for at, job in self.jobs.items() if job.name != name}
        return None

    def restart(self) -> None:
        self.operator += 1
        self.here.clear()
        self.reports.clear()

    def end_run(self, which: int) -> None:
        under_way = [] if self.record is None else list(self.record.active)
        if not under_way:
            return
        run = under_way[which % len(under_way)]
        ended = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT)[which % 3]
        report = RunReport(self.schedule.ref, run.name, run.fire_time, ended, int(self.now), int(self.now))
        if self.outlives_us and run.fire_time in self.jobs:
            self.jobs[run.fire_time] = replace(self.jobs[run.fire_time], report=report)
        elif run.name in self.here:
            self.reports[run.name] = report

    def step(self, what: str, number: int) -> None:
        match what:
            case "pass":
                self.now += number
            case "decide":
                self.decide()
            case "die-before-create":
                self.decide(create=False)
            case "die-before-record":
                self.decide(record=False)
            case "end-run":
                self.end_run(number)
            case "restart":
                self.restart()
            case "clock-back":
                self.now = max(START, self.now - number)


def due_until(schedule: Schedule, cursor: int | None) -> int:
    return 0 if cursor is None else schedule.trigger.tally(schedule.first_armed, cursor).count


@settings(max_examples=250, deadline=None)
@given(SPECS, st.booleans(), STEPS)
def test_every_fire_time_is_accounted_for_through_crashes_at_any_point(spec, outlives_us, steps):
    target = {"jobTemplate": JOB} if outlives_us else {}
    schedule = schedule_of(resource(**spec, **target))
    history = History(schedule, outlives_us)
    cursor = None
    for what, number in steps:
        history.step(what, number)
        record = history.record
        if record is not None:
            assert record.counts.imbalance() is None
            assert record.counts.active == len(record.active)
            assert min(vars_of(record.counts)) >= 0
            assert record.counts.due == due_until(schedule, record.cursor), "the cursor and the count disagree"
            assert cursor is None or (record.cursor or 0) >= cursor, "the cursor went back"
            cursor = record.cursor
    assert len(history.ran) == len(set(history.ran)), "a fire time ran twice"


@settings(max_examples=100, deadline=None)
@given(SPECS, STEPS)
def test_every_run_that_a_crash_cut_short_is_lost_and_no_other(spec, steps):
    schedule = schedule_of(resource(**spec))
    history = History(schedule, outlives_us=False)
    for what, number in steps:
        history.step(what, number)
    history.restart()
    cut = {run.name for run in history.record.active} if history.record else set()
    history.decide()
    if history.record is not None:
        lost = {run.name for run in history.record.history if run.outcome is Outcome.LOST}
        assert cut <= lost | {run.name for run in history.record.history} or len(cut) > 20
        assert not cut & {run.name for run in history.record.active}


def vars_of(counts):
    return [getattr(counts, name) for name in counts.__slots__]
