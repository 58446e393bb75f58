"""A job: a callable, its arguments, and the trigger that says when it is called. The names are APScheduler's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from inspect import isclass, ismethod
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from typing_extensions import override

from kalends.job_fields import ACCEPT, OPTIONS
from kalends.references import check_arguments, name_of, object_at, reference_of
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.compiled import exact_next_fire_time
from kalends.triggers.programs.datetimes import microseconds_of, to_datetime
from kalends.triggers.programs.exclusions import Exclusions, read_exclusions
from kalends.triggers.programs.options import FireTimeOptions
from kalends.triggers.programs.timezones import local_timezone

if TYPE_CHECKING:
    from kalends.schedulers.base import BaseScheduler


class Job:
    """A job as its scheduler keeps it. ``BaseScheduler.add_job`` makes it; it is changed by its methods alone.

    Attributes:
        id: Unique within its job store.
        name: A description, for people.
        func: The callable.
        args: Its positional arguments, a tuple.
        kwargs: Its keyword arguments.
        trigger: Gives the fire times.
        executor: The alias of the executor.
        misfire_grace_time: Seconds after its fire time within which a run may start; None: any time.
        coalesce: What runs if several fire times are due: True or ``"latest"``, ``"earliest"``, False or ``"all"``.
        max_instances: How many runs of the job may be active at once.
        next_run_time: The next fire time, an aware datetime; None: the job is paused.
        concurrency: What happens to a fire time while ``max_instances`` runs are active: ``"skip"``, ``"queue"``, or
            ``"replace"`` (the oldest run is asked to end).
        retry: How often a failed run is tried again: a number, or a mapping with ``limit``, ``backoff`` and
            ``max_backoff`` in seconds, ``factor``, and ``on_lost``. None: never.
        time_limit: Seconds that a run may take; None: any time.
        max_runs: After so many runs the job has ended; None: no limit.
        exclude: Moments that are no fire times: cron triggers, dates, datetimes, pairs (from, to), or a list of these.
            ``kalends.triggers.programs.exclusions.read_exclusions`` has what each of them means.
        daylight_saving: What happens to a fixed time of day that a change of the clocks leaves out or repeats:
            ``"adjust"`` (one run: after the gap, the first of two), or ``"literal"`` (never in a gap, twice in a fold).
    """

    __slots__ = (
        "__weakref__",
        "_first",
        "_jobstore_alias",
        "_scheduler",
        "args",
        "coalesce",
        "concurrency",
        "daylight_saving",
        "exclude",
        "executor",
        "func",
        "func_ref",
        "id",
        "kwargs",
        "max_instances",
        "max_runs",
        "misfire_grace_time",
        "name",
        "next_run_time",
        "retry",
        "time_limit",
        "trigger",
    )

    id: str
    name: str
    func: Callable[..., Any]
    func_ref: str | None
    """The reference to the callable; None: no reference leads to it, so that only memory can keep the job."""
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    trigger: BaseTrigger
    executor: str
    misfire_grace_time: int | None
    coalesce: bool | str
    max_instances: int
    next_run_time: datetime | None
    concurrency: str
    retry: int | Mapping[str, Any] | None
    time_limit: float | None
    max_runs: int | None
    exclude: Exclusions
    daylight_saving: str
    _first: datetime | None
    """The fire time from which the fire times of the trigger count: what ``next_run_time`` was when it was last set."""

    def __init__(self, scheduler: BaseScheduler | None, id: str | None = None, **kwargs: Any) -> None:  # noqa: A002 - APScheduler's name
        self._scheduler = scheduler
        self._jobstore_alias: str | None = None
        for name, default in OPTIONS.items():
            setattr(self, name, default)
        self._modify(id=id or uuid4().hex, **kwargs)

    # -- what a program does with it

    @property
    def jobstore_alias(self) -> str | None:
        """The alias of its job store; None: it is in none yet."""
        return self._jobstore_alias

    @property
    def pending(self) -> bool:
        """Whether the job waits for its scheduler to start, and is in no job store yet."""
        return self._jobstore_alias is None

    def modify(self, **changes: Any) -> Job:
        """Change fields of the job; see ``BaseScheduler.modify_job``."""
        self._owner.modify_job(self.id, self._jobstore_alias, **changes)
        return self

    def reschedule(self, trigger: BaseTrigger | str, **trigger_args: Any) -> Job:
        """Give the job another trigger; see ``BaseScheduler.reschedule_job``."""
        self._owner.reschedule_job(self.id, self._jobstore_alias, trigger, **trigger_args)
        return self

    def pause(self) -> Job:
        """Pause the job: it has no fire times until it is resumed."""
        self._owner.pause_job(self.id, self._jobstore_alias)
        return self

    def resume(self) -> Job:
        """Resume the job."""
        self._owner.resume_job(self.id, self._jobstore_alias)
        return self

    def remove(self) -> None:
        """Remove the job from its job store. A run that is active continues."""
        self._owner.remove_job(self.id, self._jobstore_alias)

    @property
    def _owner(self) -> BaseScheduler:
        if self._scheduler is None:
            raise ValueError(f"job {self.id!r} belongs to no scheduler")
        return self._scheduler

    # -- what its scheduler does with it

    @property
    def first_fire_time(self) -> datetime | None:
        """The fire time from which the fire times of the trigger count; None: the job is paused."""
        return self._first

    def count_from(self, first: datetime) -> None:
        """Set the fire time from which the fire times of the trigger count, and nothing else."""
        self._first = first

    def keep_phase_of(self, other: Job) -> None:
        """Continue with the fire times of the job that this one replaces."""
        self._first, self.next_run_time, self.trigger = other._first, other.next_run_time, other.trigger

    def belongs_to(self, scheduler: BaseScheduler | None, jobstore_alias: str | None) -> None:
        """Set the scheduler (None: it stays) and the job store."""
        self._scheduler = scheduler or self._scheduler
        self._jobstore_alias = jobstore_alias

    # -- its fields

    def _modify(self, **changes: Any) -> None:  # noqa: C901 - a check for each kind of field
        """Check all changes, then make them.

        Raises:
            TypeError: A value has the wrong type.
            ValueError: A value is not accepted.
            AttributeError: There is no such field, or it cannot be changed.
        """
        accepted: dict[str, Any] = {}
        if "id" in changes:
            value = changes.pop("id")
            if not isinstance(value, str):
                raise TypeError(f"id must be text, got {type(value).__name__}")
            if hasattr(self, "id"):
                raise ValueError("the ID of a job cannot be changed")
            accepted["id"] = value
        if changes.keys() & {"func", "args", "kwargs"}:
            accepted |= self._accepted_call(changes)
        for name, accept in ACCEPT.items():
            if name in changes:
                accepted[name] = accept(name, changes.pop(name))
        if "exclude" in changes:
            trigger = accepted.get("trigger") or self.trigger
            accepted["exclude"] = read_exclusions(
                changes.pop("exclude"), getattr(trigger, "timezone", None) or self._zone
            )
        if "next_run_time" in changes:
            accepted["next_run_time"] = accepted["_first"] = self._accepted_time(changes.pop("next_run_time"))
        if changes:
            names = ", ".join(sorted(changes))
            raise AttributeError(f"a job has no fields that can be changed named: {names}")
        for name, value in accepted.items():
            setattr(self, name, value)

    def modified(self, **changes: Any) -> None:
        """Change fields as ``modify`` does, and nothing if one of the changes is not accepted."""
        if "id" in changes:
            raise ValueError("the ID of a job cannot be changed")
        self._modify(**changes)

    def _accepted_call(self, changes: dict[str, Any]) -> dict[str, Any]:
        func = changes.pop("func") if "func" in changes else self.func
        args = changes.pop("args") if "args" in changes else self.args
        kwargs = changes.pop("kwargs") if "kwargs" in changes else self.kwargs
        if isinstance(func, str):
            reference: str | None = func
            func = object_at(func)
        elif callable(func):
            try:
                reference = reference_of(func)
            except ValueError:
                reference = None  # memory can keep it
        else:
            raise TypeError(f"func must be a callable or a reference to one, got {type(func).__name__}")
        if isinstance(args, str) or not isinstance(args, Iterable):
            raise TypeError(f"args must be an iterable that is not text, got {type(args).__name__}")
        if isinstance(kwargs, str) or not isinstance(kwargs, Mapping):
            raise TypeError(f"kwargs must be a mapping, got {type(kwargs).__name__}")
        args, kwargs = tuple(args), dict(kwargs)
        check_arguments(func, args, kwargs)
        accepted = {"func": func, "func_ref": reference, "args": args, "kwargs": kwargs}
        if not hasattr(self, "name"):
            accepted["name"] = name_of(func)
        return accepted

    def _accepted_time(self, value: Any) -> datetime | None:
        return to_datetime(value, self._zone, "next_run_time")

    @property
    def _zone(self) -> tzinfo:
        return local_timezone() if self._scheduler is None else self._scheduler.timezone

    @property
    def fire_time_options(self) -> FireTimeOptions:
        """What decides the fire times beside the trigger."""
        return FireTimeOptions(self.id, self.exclude, literal=self.daylight_saving == "literal")

    def _get_run_times(self, now: datetime) -> list[datetime]:
        """Return the fire times from ``next_run_time`` to ``now``, both included, as APScheduler's jobs do."""
        found: list[datetime] = []
        at = self.next_run_time
        # Two datetimes of a zone are compared by their wall time, which goes back once a year: instants are not.
        while at is not None and microseconds_of(at) <= microseconds_of(now):
            found.append(at)
            at = exact_next_fire_time(self.trigger, at, now, self.fire_time_options)
        return found

    def __copy__(self) -> Job:
        other = Job.__new__(Job)
        for name in self.__slots__:
            if name != "__weakref__":
                setattr(other, name, getattr(self, name))
        return other

    # -- its state, as APScheduler's version 1, for stores that pickle jobs, and for copies

    def __getstate__(self) -> dict[str, Any]:
        if self.func_ref is None:
            raise ValueError(
                f"job {self.id!r} cannot be stored: no reference leads to its callable {self.func!r}; give a function "
                "of a module, or 'package.module:function'"
            )
        args: Sequence[Any] = self.args
        if ismethod(self.func) and not isclass(self.func.__self__) and _is_of_class(self.func_ref, self.func):
            args = (self.func.__self__, *args)  # the reference leads to the function of the class
        # What APScheduler's jobs have not is part of the state only where it says something.
        extra = {name: value for name, default in OPTIONS.items() if (value := getattr(self, name)) != default}
        if self._first != self.next_run_time:
            extra["first"] = self._first
        return {
            "version": 1,
            "id": self.id,
            "func": self.func_ref,
            "trigger": self.trigger,
            "executor": self.executor,
            "args": tuple(args),
            "kwargs": self.kwargs,
            "name": self.name,
            "misfire_grace_time": self.misfire_grace_time,
            "coalesce": self.coalesce,
            "max_instances": self.max_instances,
            "next_run_time": self.next_run_time,
            **extra,
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        version = state.get("version", 1)
        if version != 1:
            raise ValueError(f"a job of version {version!r} cannot be read; this version of Kalends reads version 1")
        self._scheduler = None
        self._jobstore_alias = None
        self.id = state["id"]
        self.func_ref = state["func"]
        self.func = object_at(state["func"])
        self.trigger = state["trigger"]
        self.executor = state["executor"]
        self.args = tuple(state["args"])
        self.kwargs = dict(state["kwargs"])
        self.name = state["name"]
        self.misfire_grace_time = state["misfire_grace_time"]
        self.coalesce = state["coalesce"]
        self.max_instances = state["max_instances"]
        self.next_run_time = state["next_run_time"]
        self._first = state.get("first", state["next_run_time"])
        for name, default in OPTIONS.items():
            setattr(self, name, state.get(name, default))

    @override
    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Job) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self.id)

    @override
    def __repr__(self) -> str:
        return f"<Job (id={self.id} name={self.name})>"

    @override
    def __str__(self) -> str:
        if self.pending and not hasattr(self, "next_run_time"):
            status = "pending"
        elif self.next_run_time is None:
            status = "paused"
        else:
            status = f"next run at: {self.next_run_time:%Y-%m-%d %H:%M:%S %Z}"
        return f"{self.name} (trigger: {self.trigger}, {status})"


def _is_of_class(reference: str, method: Any) -> bool:
    return object_at(reference) is method.__func__
