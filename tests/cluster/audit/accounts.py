"""What became of each fire time of one ScheduledJob: the evidence, gathered by run."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .dossier import Dossier, Execution, Fault, SeenJob
from .fire_times import instant_of
from .lives import Life

REQUESTED = re.compile(r"-m-[a-z2-7]{8}$")
"""How the name of a run that was requested manually ends."""


@dataclass(frozen=True, slots=True)
class Account:
    """A life, and all that ran for it."""

    life: Life
    executions: Sequence[Execution]
    jobs: Sequence[SeenJob]
    foreign: Sequence[SeenJob]
    """Jobs of its namespace that belong to nobody, or to somebody else."""
    kills: Sequence[Fault]
    usurpations: Sequence[Fault]
    """Operators that went on while another one had taken their place."""
    longest_fault: float
    """Seconds; for about as long nobody may have decided anything."""
    at: float
    jobs_watched: bool

    @property
    def ran(self) -> Mapping[int, list[Execution]]:
        """Return the executions for scheduled fire times, by fire time, in order of their start."""
        found: defaultdict[int, list[Execution]] = defaultdict(list)
        for one in self.executions:
            if not is_requested(one):
                found[one.fire].append(one)
        return found

    @property
    def requested_runs(self) -> Mapping[str, list[Execution]]:
        """Return the executions that were requested manually, by run (attempts of one request have one fire time)."""
        found: defaultdict[str, list[Execution]] = defaultdict(list)
        for one in self.executions:
            if is_requested(one):
                found[one.run].append(one)
        return found

    @property
    def made(self) -> Mapping[int, list[SeenJob]]:
        """Return the Jobs for scheduled fire times, by fire time."""
        found: defaultdict[int, list[SeenJob]] = defaultdict(list)
        for job in self.jobs:
            if job.fire is not None and not job.request:
                found[job.fire].append(job)
        return found

    @property
    def requests_made(self) -> Mapping[str, list[SeenJob]]:
        """Return the Jobs that were requested manually, by token."""
        found: defaultdict[str, list[SeenJob]] = defaultdict(list)
        for job in self.jobs:
            if job.request:
                found[job.request].append(job)
        return found

    @property
    def runs_tasks(self) -> bool:
        """Whether every spec of it has run tasks."""
        return all("task" in spec for spec in self.life.specs)

    @property
    def runs_jobs(self) -> bool:
        """Whether every spec of it has made Jobs."""
        return all("jobTemplate" in spec for spec in self.life.specs)

    @property
    def seen_starts(self) -> int:
        """Return how many runs, attempts not counted twice, left a trace of their own."""
        first_requested = {one.fire for runs in self.requested_runs.values() for one in runs}
        return len(self.ran.keys() | self.made.keys()) + len(first_requested) + len(self.requests_made)

    def stopped(self, one: Execution) -> float:
        """Return when an execution ended: by its own report, or when it or its operator was killed.

        An execution beyond its time limit is recorded as ended, although its thread may continue. For an execution that
        its operator killed, only the record has the end, to the second: it ended within that second, or before.
        """
        limits = self.life.ever("activeDeadlineSeconds") - {None}
        at_most = one.start + min(limits) if limits else self.at
        if one.end is not None:
            over = [max(one.start, fault.at) for fault in self._usurped(one, within=0.0)]
            return min([one.end, *over, *([at_most] if limits else [])])
        kills = [k.at for k in self.kills if k.at >= one.start and (not k.pid or one.is_in(k.pid))]
        history = self.life.status.get("history") or ()
        entries = [entry for entry in history if entry["name"] == one.run and entry["outcome"] == "Cancelled"]
        cancelled = [max(one.start, instant_of(entry["completionTime"])) for entry in entries]
        return min([*kills, *cancelled, at_most, self.at])

    def maybe_unrecorded(self, one: Execution, within: float) -> bool:
        """Return whether its operator was killed before it can be trusted to have recorded how an execution ended."""
        ended = self.at if one.end is None else one.end
        killed = any(one.start <= kill.at <= ended + within for kill in self.kills)
        return killed or bool(self._usurped(one, within))

    def _usurped(self, one: Execution, within: float) -> list[Fault]:
        """Return what came between an execution and its record, as another operator held it for lost by then."""
        ended = self.at if one.end is None else one.end
        return [
            fault
            for fault in self.usurpations
            if one.is_in(fault.pid) and one.start <= fault.until and fault.at <= ended + within
        ]

    def fates(self) -> Counter[str]:
        """Return how many fire times there were, by what became of them."""
        found: Counter[str] = Counter()
        ran, made = self.ran, self.made
        for fire in self.life.due | ((self.life.doubtful | self.life.overtaken) & (ran.keys() | made.keys())):
            if fire in ran:
                found["ran to their end" if ran[fire][-1].end is not None else "cut off"] += 1
            elif fire in made:
                found["made a Job"] += 1
            else:
                found["got no run"] += 1
        return found


def accounts_in(dossier: Dossier, lives: Sequence[Life]) -> tuple[list[Account], list[Execution]]:
    """Return the account of every life, and the executions that belong to none."""
    by_mark: dict[tuple[str, str, str], str] = {}
    for life in lives:
        for mark in marks_of(life):
            by_mark[life.namespace, life.name, mark] = life.uid
    ran: defaultdict[str | None, list[Execution]] = defaultdict(list)
    for one in dossier.executions:
        ran[by_mark.get((one.namespace, one.name, one.mark))].append(one)
    made: defaultdict[str, list[SeenJob]] = defaultdict(list)
    uids = {life.uid for life in lives}
    for job in dossier.jobs:
        made[job.owner if job.owner in uids else ""].append(job)
    kills = sorted((fault for fault in dossier.faults if fault.what == "kill"), key=lambda one: one.at)
    usurpations = [fault for fault in dossier.faults if fault.what == "usurped"]
    accounts = [
        Account(
            life,
            ran[life.uid],
            made[life.uid],
            [job for job in made[""] if job.namespace == life.namespace],
            kills,
            usurpations,
            max((min(fault.until, dossier.at) - fault.at for fault in dossier.faults), default=0.0),
            dossier.at,
            dossier.jobs_watched,
        )
        for life in lives
    ]
    return accounts, ran[None]


def is_requested(one: Execution) -> bool:
    """Return whether an execution was requested manually."""
    return REQUESTED.search(one.run) is not None


def marks_of(life: Life) -> set[str]:
    """Return the marks by which executions name the manifests of a life."""
    return {spec["task"]["kwargs"]["mark"] for spec in life.specs if "task" in spec}


def mark_in(spec: Mapping[str, object]) -> str:
    """Return the mark of one manifest; empty where it has none."""
    task, template = spec.get("task"), spec.get("jobTemplate")
    if isinstance(task, dict):
        return str((task.get("kwargs") or {}).get("mark", ""))
    if isinstance(template, dict):
        return str(((template.get("metadata") or {}).get("annotations") or {}).get("audit/mark", ""))
    return ""
