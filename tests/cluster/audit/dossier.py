"""The evidence: what was asked for, what was done to the operator, what ran, and what is recorded at the end.

A dossier is a folder of plain files, so that it can be kept, read and audited again:

- ``story.jsonl``: an :class:`Act` a line; ``faults.jsonl``: a :class:`Fault` a line;
- ``ledger.jsonl``: what tasks wrote, two lines an execution (``start`` and ``end``), each in one ``O_APPEND`` write;
- ``jobs.json``: every Job that was ever seen; ``final.json``: the ScheduledJobs at the end, as the API server had them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a user did to a ScheduledJob: applied, edited, deleted, or asked for a run."""

    what: str
    """``apply``, ``edit`` (suspend and resume are edits), ``delete`` or ``request``."""
    at: float
    """Seconds since the epoch, just before it was asked for."""
    done: float
    """... and just after it was answered."""
    namespace: str
    name: str
    uid: str
    created: int
    """The resource's creation, in whole seconds as the API server keeps them."""
    spec: Json = field(default_factory=dict)
    """The whole spec that holds from then on."""
    cursor: int | None = None
    """``status.decidedUntilTime`` in the API server's answer: what had been decided at that very version."""
    queued: int = 0
    """``status.counts.queued`` in the same answer: what waited then, and is skipped if the schedule was changed."""
    request: str = ""
    """The token of a run that was requested manually."""
    generation: int = 0
    """``metadata.generation`` in the same answer."""
    observed: int = 0
    """``status.observedGeneration`` in the same answer: the last edit that the operator had acted upon."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was done to the operator or to what it needs."""

    what: str
    """``kill`` ends an operator and what runs in it; ``usurped`` lets one continue (stopped and continued, or cut off)
    while another one takes its place; any other word is a hindrance."""
    at: float
    until: float
    """When it was over: for a kill, when the next operator was ready."""
    pid: int = 0
    """Of the operator that was killed, where several run; else 0."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt of a task, as the task itself wrote it down."""

    namespace: str
    name: str
    run: str
    fire: int
    attempt: int
    mark: str
    """Tells which manifest asked for it."""
    pid: int
    ancestors: tuple[int, ...]
    """Process IDs: of the process's parent, of the parent's parent and so on; the operator is ``pid`` or among them."""
    start: float
    end: float | None = None
    """None: it was cut off."""
    outcome: str = ""
    """``ok`` or ``fail``; empty when it was cut off."""

    def is_in(self, operator: int) -> bool:
        """Return whether it ran in the operator with this process ID, or in a worker process of it."""
        return operator == self.pid or operator in self.ancestors


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A Job, as a watch that is not the operator's saw it."""

    namespace: str
    name: str
    uid: str
    owner: str
    """The UID of its controller; empty when it has none."""
    fire: int | None
    attempt: int
    request: str
    created: int
    mark: str = ""
    """As in an execution: the template's annotation ``audit/mark``."""
    completed: int | None = None
    outcome: str = ""
    """``ok``, ``fail``, or empty while it runs."""
    deleted: bool = False
    born_version: int = 0
    """The resourceVersion of its creation, and of its deletion; 0 where the watch was cut off just then."""
    gone_version: int = 0


@dataclass(frozen=True, slots=True)
class Dossier:
    """All of the evidence."""

    acts: Sequence[Act]
    faults: Sequence[Fault]
    executions: Sequence[Execution]
    jobs: Sequence[SeenJob]
    final: Sequence[Json]
    """ScheduledJobs, each with its status."""
    at: float
    """When the final state was read."""
    jobs_watched: bool = True
    """Whether ``jobs`` holds every Job that there ever was."""
    clock_offset: float = 0.0
    """Seconds that the operator's clock was ahead of the tests' clock at the end."""

    def save(self, folder: Path) -> None:
        """Write it to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "story.jsonl").write_text(_lines(map(asdict, self.acts)))
        (folder / "faults.jsonl").write_text(_lines(map(asdict, self.faults)))
        (folder / "ledger.jsonl").write_text(_lines(_as_written(self.executions)))
        (folder / "jobs.json").write_text(json.dumps([asdict(job) for job in self.jobs], indent=1))
        names = ("at", "jobs_watched", "clock_offset")
        final = {"scheduledJobs": list(self.final), **{name: getattr(self, name) for name in names}}
        (folder / "final.json").write_text(json.dumps(final, indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it from a folder."""
        final = json.loads((folder / "final.json").read_text())
        return cls(
            acts=[Act(**one) for one in _objects(folder / "story.jsonl")],
            faults=[Fault(**one) for one in _objects(folder / "faults.jsonl")],
            executions=executions_in(folder / "ledger.jsonl"),
            jobs=[SeenJob(**one) for one in json.loads((folder / "jobs.json").read_text())],
            final=final.pop("scheduledJobs"),
            **final,
        )


def executions_in(ledger: Path) -> list[Execution]:
    """Return what a ledger tells, in the order of starts. A last line that a kill cut short tells nothing."""
    begun: dict[tuple[Any, ...], Json] = {}
    ended: dict[tuple[Any, ...], Json] = {}
    doubled: list[Json] = []
    for line in _objects(ledger):
        key = tuple(line[name] for name in ("namespace", "name", "run", "attempt", "pid", "at_start"))
        if line["what"] == "end":
            ended[key] = line
        elif key in begun:
            doubled.append(line)
        else:
            begun[key] = line
    found = [_execution(line, ended.get(key)) for key, line in begun.items()]
    found += [_execution(line, None) for line in doubled]
    return sorted(found, key=lambda one: one.start)


def _execution(start: Json, end: Json | None) -> Execution:
    names = ("namespace", "name", "run", "fire", "attempt", "mark", "pid")
    fields = {name: start[name] for name in names} | {"ancestors": tuple(start["ancestors"])}
    if end is None:
        return Execution(**fields, start=start["at_start"])
    return Execution(**fields, start=start["at_start"], end=end["at"], outcome=end["outcome"])


def _as_written(executions: Sequence[Execution]) -> Iterator[Json]:
    for one in executions:
        names = ("namespace", "name", "run", "fire", "attempt", "mark", "pid", "ancestors")
        fields = {name: getattr(one, name) for name in names} | {"at_start": one.start}
        yield {"what": "start", **fields, "at": one.start}
        if one.end is not None:
            yield {"what": "end", **fields, "at": one.end, "outcome": one.outcome}


def _lines(objects: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def _objects(path: Path) -> Iterator[Any]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # the writer was killed; what it was about to say is not known
            continue
