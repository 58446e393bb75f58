"""Histories of one resource: a list of steps, and what must be true of the record after each of them.

Time passes, an operator decides and is killed somewhere between deciding and recording, runs end, workers come and go,
users edit, suspend, and request runs. After each step the record must balance, and no more runs must have started than
the record allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from doubles import JOB, START, every, resource, schedule_of
from kalends.engine.core.facts import Decision, Facts
from kalends.engine.core.schedule import REQUEST_ANNOTATION, Schedule
from kalends.engine.core.state import State
from kalends.engine.decisions.decide import decide
from kalends.engine.ports import JobView, Run, RunReport
from kalends.model import Outcome
from kalends.model.reasons import Reason
from kalends.stores.status_record import decode, encode
from narrowing import known

CRASHES = (
    "restart",
    "die-before-create",
    "die-between-creates",
    "die-before-record",
    "die-before-start",
    "die-before-cancel",
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["edit", "suspend", "resume", "ask", "pass", "decide", "put-off-start", *CRASHES]),
        st.integers(0, 100),
    ),
    max_size=30,
)
UNLIMITED = ("maxInstances", "Allow")
SPECS = st.fixed_dictionaries(
    {
        "trigger": st.sampled_from([every(1), every(7), every(60), {"cron": {"second": "*/20"}}]),
        "coalesce": st.sampled_from(["Latest", "Earliest", "All"]),
        "concurrencyPolicy": st.sampled_from(["Forbid", "Allow", "Replace", "Queue"]),
        "maxInstances": st.integers(1, 3),
        "jitterSeconds": st.sampled_from([0, 5]),
    },
    optional={
        "startingDeadlineSeconds": st.integers(0, 100),
        "maxRuns": st.integers(1, 6),
        "retry": st.fixed_dictionaries(
            {"limit": st.integers(0, 2), "backoffSeconds": st.sampled_from([0, 30]), "onLost": st.booleans()}
        ),
    },
).map(lambda spec: {name: value for name, value in spec.items() if (name, spec["concurrencyPolicy"]) != UNLIMITED})


@dataclass
class History:
    """A cluster, a store and an operator that may die at any point between them."""

    spec: dict[str, Any]
    durable: bool
    now: float = START
    operator: int = 0
    generation: int = 1
    token: str = ""
    record: State | None = None
    here: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    reports: dict[str, RunReport] = field(default_factory=dict)
    jobs: dict[str, JobView] = field(default_factory=dict)
    ran: list[Run] = field(default_factory=list)

    @property
    def schedule(self) -> Schedule:
        target: dict[str, Any] = {"jobTemplate": JOB} if self.durable else {}
        obj = resource(generation=self.generation, **self.spec, **target)
        obj["metadata"]["annotations"] = {REQUEST_ANNOTATION: self.token} if self.token else {}
        return schedule_of(obj)

    def facts(self) -> Facts:
        return Facts(
            now=self.now,
            me=f"operator-{self.operator}",
            durable=self.durable,
            free_slots=2 - len(self.here),
            reports=dict(self.reports),
            here=frozenset(self.here),
            asked_to_end=frozenset(self.asked),
            jobs=tuple(self.jobs.values()) if self.durable else None,
        )

    def decide(self, dies: str = "") -> None:
        """Decide and act; the operator dies at a step, or with ``put-off-start`` starts nothing that it claims."""
        decision = decide(self.schedule, self.record, self.facts())
        self.start(decision.starts_claimed)
        if not self.create_jobs(decision, dies) or dies == "die-before-record":
            return self.restart()
        self.write(decision)
        assert self.record == decision.state or len(decision.state.active) > 50
        if dies == "die-before-start":
            return self.restart()
        self.start(() if dies == "put-off-start" else decision.starts_after)
        if dies == "die-before-cancel":
            return self.restart()
        self.clean_up(decision)
        if not dies:
            self.check_settled(decision)
        return None

    def create_jobs(self, decision: Decision, dies: str) -> bool:
        """Create the Jobs of a decision; return False where the operator dies before that, or in between."""
        if dies == "die-before-create":
            return False
        for run in decision.starts_before:
            self.create_job(run)
            if dies == "die-between-creates":
                return False
        return True

    def clean_up(self, decision: Decision) -> None:
        for cancelled in decision.cancels:
            self.asked.add(cancelled.name)
            if cancelled.holder:
                self.report(cancelled.name, cancelled.fire_time, Outcome.CANCELLED, Reason(cancelled.cancelling))
            else:
                self.jobs.pop(cancelled.name, None)
        for name in decision.deletes:
            self.jobs.pop(name, None)

    def check_settled(self, decision: Decision) -> None:
        """Check that a decision after which nothing is decided is what the next decision would repeat."""
        if not decision.leaves_nothing_to_decide or self.reports or self.record != decision.state:
            return
        again = decide(self.schedule, self.record, self.facts())
        assert again.state == self.record
        assert (again.starts_claimed, again.starts_before, again.cancels, again.notices) == ((), (), (), ())
        assert (again.waiting, again.wake_at) == (False, decision.wake_at)

    def start(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self.here.add(run.name)
            self.ran.append(run)

    def create_job(self, run: Run) -> None:
        if run.name in self.jobs:
            return
        self.jobs[run.name] = JobView(run.name, run.fire_time, int(self.now), attempt=run.attempt, request=run.request)
        self.ran.append(run)

    def write(self, decision: Decision) -> None:
        """Record a decision: what is remembered is what is written, and no more."""
        self.record = decode(encode(decision.state), created=self.schedule.created)
        names = {run.name for run in decision.state.active}
        for name in [name for name in self.reports if name not in names]:
            del self.reports[name]
            self.here.discard(name)

    def restart(self) -> None:
        self.operator += 1
        self.here.clear()
        self.asked.clear()
        self.reports.clear()

    def report(self, name: str, fire_time: int, outcome: Outcome, reason: str = "") -> None:
        now = int(self.now)
        self.reports[name] = RunReport(self.schedule.ref, name, fire_time, outcome, now, now, reason)

    def end_run(self, which: int) -> None:
        """End a run; a Job also if its creation is not recorded."""
        ended = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT)[which % 3]
        going = sorted(name for name, job in self.jobs.items() if job.report is None) or sorted(
            self.here - self.reports.keys()
        )
        if not going:
            return
        name = going[which % len(going)]
        run = next(run for run in self.ran if run.name == name)
        self.report(name, run.fire_time, ended)
        if name in self.jobs:
            self.jobs[name] = replace(self.jobs[name], report=self.reports.pop(name))

    def lose_job(self, which: int) -> None:
        """Delete a recorded Job: of a Job that is not recorded, nothing else is known."""
        recorded = {run.name for run in self.record.active} if self.record is not None else set()
        there = sorted(self.jobs.keys() & recorded)
        if there:
            del self.jobs[there[which % len(there)]]

    def active(self) -> int:
        """Return how many runs are really active."""
        return sum(job.report is None for job in self.jobs.values()) + len(self.here - self.reports.keys())

    def step(self, what: str, number: int) -> None:  # noqa: C901 - a table
        match what:
            case "pass":
                self.now += number
            case "go":
                self.now += 1
                self.decide()
                self.decide()
            case "decide":
                self.decide()
            case "end-run":
                self.end_run(number)
            case "lose-job":
                self.lose_job(number)
            case "restart":
                self.restart()
            case "clock-back":
                self.now = max(START, self.now - number)
            case "edit":
                self.edit(trigger=every(3 + number))
            case "suspend" | "resume":
                self.edit(suspend=what == "suspend")
            case "ask":
                self.token = f"token-{number % 3}"
            case _ if what in CRASHES or what == "put-off-start":
                self.decide(dies=what)

    def edit(self, **changes: Any) -> None:
        self.spec = {**self.spec, **changes}
        self.generation += 1


def due_until(schedule: Schedule, cursor: int | None) -> int:
    return 0 if cursor is None else known(schedule.trigger.tally(schedule.first_armed, cursor)).count


def check(history: History, cursor: int | None) -> None:
    record = history.record
    if record is None:
        return
    assert record.counts.imbalance() is None
    assert record.counts.active >= len(record.active)
    assert record.counts.queued == len(record.queued)
    assert min(getattr(record.counts, name) for name in record.counts.__slots__) >= 0
    assert cursor is None or (record.cursor or 0) >= cursor, "the cursor went back"
    # A fire time that its jitter delays queues behind a request that was made after it.
    for requested in (False, True):
        waiting = [run.fire_time for run in record.queued if bool(run.request) is requested]
        assert waiting == sorted(waiting)
    if history.spec["concurrencyPolicy"] != "Allow":
        assert history.active() <= history.spec["maxInstances"], "more run than may"


def walk(history: History, steps: list[Any], *also: Callable[[History], None]) -> None:
    """Take the steps of a history; its record must balance after each, and pass the other checks."""
    cursor = None
    for what, number in steps:
        history.step(what, number)
        check(history, cursor)
        for check_more in also:
            check_more(history)
        cursor = None if history.record is None else history.record.cursor


def check_due(history: History) -> None:
    """Check that the record counts all fire times up to its cursor. After an edit, it also has those of before."""
    if history.record is not None:
        due = due_until(history.schedule, history.record.cursor)
        assert history.record.counts.due == due, "the cursor and the count disagree"


def interleaved(first: list[Any], second: list[Any]) -> list[Any]:
    """Return both lists as one, taking turns."""
    mixed: list[Any] = []
    for place in range(max(len(first), len(second))):
        mixed += first[place : place + 1] + second[place : place + 1]
    return mixed
