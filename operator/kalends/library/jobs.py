"""The part of a scheduler that has jobs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import IO, Any, TypeVar

from kalends.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_JOB_ADDED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    JobEvent,
    SchedulerEvent,
)
from kalends.job import Job
from kalends.job_fields import OPTIONS
from kalends.jobstores.base import JobLookupError
from kalends.library.definitions import following_fire_time
from kalends.library.exporting import print_groups, read_foreign_jobs, read_jobs, write_jobs
from kalends.library.scheduler_core import SchedulerCore
from kalends.triggers.base import BaseTrigger
from kalends.triggers.programs.aliases import create_trigger
from kalends.triggers.programs.compiled import exact_next_fire_time
from kalends.triggers.programs.options import needs_identity
from kalends.undefined import undefined

_ARGUMENTS = frozenset(
    {
        "func",
        "trigger",
        "args",
        "kwargs",
        "id",
        "name",
        "misfire_grace_time",
        "coalesce",
        "max_instances",
        "next_run_time",
        "executor",
    }
)
"""Arguments of ``add_job`` that are not of the trigger."""
_F = TypeVar("_F", bound=Callable[..., Any])


class Jobs(SchedulerCore):
    """Adds, changes and removes jobs, before the start and while the scheduler runs."""

    def add_job(  # noqa: PLR0913, PLR0917 - APScheduler's signature
        self,
        func: Callable[..., Any] | str,
        trigger: BaseTrigger | str | None = None,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - APScheduler's name
        name: str | None = None,
        misfire_grace_time: int | None = undefined,
        coalesce: bool | str = undefined,  # noqa: FBT001 - APScheduler's signature
        max_instances: int = undefined,
        next_run_time: datetime | str | None = undefined,
        jobstore: str = "default",
        executor: str = "default",
        replace_existing: bool = False,  # noqa: FBT001, FBT002 - APScheduler's signature
        **trigger_args: Any,
    ) -> Job:
        """Add a job.

        Args:
            func: A callable, or a reference to one: ``"package.module:function"``.
            trigger: An instance, or the alias of a class: ``"date"``, ``"interval"``, ``"cron"``,
                ``"calendarinterval"``. None: one run, now.
            args: Positional arguments of the callable.
            kwargs: Its keyword arguments.
            id: The ID, unique in its job store. None: a random one.
            name: A description. None: the name of the callable.
            misfire_grace_time: Whole seconds after its fire time within which a run may start; None: any time.
            coalesce: What runs if several fire times are due: True or ``"latest"``, ``"earliest"``, False or ``"all"``.
            max_instances: How many runs may be active at once.
            next_run_time: The first fire time, in place of what the trigger says; None: the job is paused.
            jobstore: The alias of its job store.
            executor: The alias of its executor.
            replace_existing: Replace a job of this ID. It keeps its phase and what was decided if the trigger is equal.
            trigger_args: Arguments of the trigger's class, and the options that APScheduler has not: ``concurrency``,
                ``retry``, ``time_limit``, ``max_runs``, ``exclude``, ``daylight_saving`` (see ``Job``).

        Raises:
            ConflictingIdError: There is a job of this ID. Before ``start``, the scheduler notices this at the start.
            TypeError: An argument has the wrong type.
            ValueError: An argument is not accepted, or the arguments do not fit the callable.
            LookupError: There is no such callable, trigger or job store.
        """
        given: dict[str, Any] = {
            "func": func,
            "trigger": trigger,
            "args": args,
            "kwargs": kwargs,
            "id": id,
            "name": name,
            "misfire_grace_time": misfire_grace_time,
            "coalesce": coalesce,
            "max_instances": max_instances,
            "next_run_time": next_run_time,
            "executor": executor,
        }
        job = self._new_job({key: value for key, value in given.items() if value is not undefined}, trigger_args)
        with self._lock:
            if not self.running:
                self._book.pending.append((job, jobstore, replace_existing))
                self._logger.info("Adding job tentatively -- it will be properly scheduled when the scheduler starts")
            else:
                self._add_to_store(job, jobstore, replace_existing=replace_existing)
        return job

    def add_jobs(self, jobs: Iterable[Mapping[str, Any]]) -> list[Job]:
        """Add many jobs in few calls of their job stores. No job replaces another.

        Args:
            jobs: For each job the arguments of ``add_job`` by their names, without ``replace_existing``.

        Returns:
            The jobs, in the same order.

        Raises:
            ConflictingIdError: There is a job of one of the IDs. A store with transactions has added none then.
            TypeError, ValueError, LookupError: As ``add_job``; nothing was added.
        """
        made: list[tuple[Job, str]] = []
        for arguments in jobs:
            options = dict(arguments)
            alias = options.pop("jobstore", "default")
            given = {key: options.pop(key) for key in _ARGUMENTS & options.keys()}
            if "func" not in given or "replace_existing" in options:
                raise TypeError("each job must have 'func', and must not have 'replace_existing'")
            made.append((self._new_job(given, options), alias))
        with self._lock:
            if not self.running:
                self._book.pending += [(job, alias, False) for job, alias in made]
                return [job for job, _ in made]
            for alias in dict.fromkeys(alias for _, alias in made):
                added = [job for job, of in made if of == alias]
                self._book.add_all(added, alias)
                if self._engine is not None:
                    self._engine.load(alias)
        for job, alias in made:
            self._dispatcher.now(JobEvent(EVENT_JOB_ADDED, job.id, alias))
        self._logger.info("Added %d jobs", len(made))
        return [job for job, _ in made]

    def _new_job(self, given: dict[str, Any], options: dict[str, Any]) -> Job:
        """Return a job.

        Args:
            given: Arguments of ``add_job`` that were given.
            options: The arguments of the trigger, and the options that APScheduler has not.
        """
        job_id, name = given.pop("id", None), given.pop("name", None)
        fields = {
            **given,
            **{key: options[key] for key in OPTIONS & options.keys()},
            "trigger": self._create_trigger(given.get("trigger"), options),
            "args": () if given.get("args") is None else given["args"],
            "kwargs": {} if given.get("kwargs") is None else given["kwargs"],
        }
        if name is not None:
            fields["name"] = name
        if job_id is None and needs_identity(fields["trigger"]):
            raise ValueError("H in a cron expression needs the ID of the job, from which its value follows: give id=")
        job = Job(self._whole, id=job_id, **{"executor": "default", **self._job_defaults, **fields})
        if "next_run_time" not in fields:
            first = exact_next_fire_time(job.trigger, None, self._now(), job.fire_time_options)
            job._modify(next_run_time=first)  # noqa: SLF001
            if first is None:
                self._logger.warning("Job %s will never run: its trigger has no fire time to come", job.name)
        return job

    def scheduled_job(  # noqa: PLR0913, PLR0917 - APScheduler's signature
        self,
        trigger: BaseTrigger | str,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - APScheduler's name
        name: str | None = None,
        misfire_grace_time: int | None = undefined,
        coalesce: bool | str = undefined,  # noqa: FBT001 - APScheduler's signature
        max_instances: int = undefined,
        next_run_time: datetime | str | None = undefined,
        jobstore: str = "default",
        executor: str = "default",
        **trigger_args: Any,
    ) -> Callable[[_F], _F]:
        """Return a decorator that adds the decorated function as a job, in place of an older job of its ID.

        The arguments are those of ``add_job``.
        """

        def add(func: _F) -> _F:
            self.add_job(
                func,
                trigger,
                args,
                kwargs,
                id,
                name,
                misfire_grace_time,
                coalesce,
                max_instances,
                next_run_time,
                jobstore,
                executor,
                replace_existing=True,
                **trigger_args,
            )
            return func

        return add

    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> Job:
        """Change fields of a job: any argument of ``add_job`` but the ID.

        Another trigger counts from the next fire time that the job has; ``reschedule_job`` computes that anew. After a
        change of ``exclude`` or ``daylight_saving``, the next fire time is the first that the job has now.

        Raises:
            JobLookupError: There is no such job.
        """
        with self._lock:
            job, alias = self._find(job_id, jobstore)
            following, first = job.next_run_time, job.first_fire_time
            job.modified(**changes)
            if "next_run_time" not in changes and following is not None:
                if changes.keys() & {"exclude", "daylight_saving"}:
                    job.modified(next_run_time=following_fire_time(job, following, self._now()))
                elif "trigger" in changes:
                    job.modified(next_run_time=following)
            if alias is not None:
                kept = self._book.update(job, alias, first)
                if self._engine is not None:
                    self._engine.show(alias, kept)
        self._dispatcher.now(JobEvent(EVENT_JOB_MODIFIED, job_id, alias))
        return job

    def reschedule_job(
        self,
        job_id: str,
        jobstore: str | None = None,
        trigger: BaseTrigger | str | None = None,
        **trigger_args: Any,
    ) -> Job:
        """Give a job another trigger; its next fire time is computed from now.

        Raises:
            JobLookupError: There is no such job.
        """
        made = self._create_trigger(trigger, trigger_args)
        with self._lock:
            options = self._find(job_id, jobstore)[0].fire_time_options
            following = exact_next_fire_time(made, None, self._now(), options)
            return self.modify_job(job_id, jobstore, trigger=made, next_run_time=following)

    def pause_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Pause a job: it has no fire times until ``resume_job``.

        Raises:
            JobLookupError: There is no such job.
        """
        return self.modify_job(job_id, jobstore, next_run_time=None)

    def resume_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Resume a job: its next fire time is computed from now.

        Returns:
            The job, or None if it has no fire times to come, and was removed.

        Raises:
            JobLookupError: There is no such job.
        """
        with self._lock:
            job, _ = self._find(job_id, jobstore)
            following = exact_next_fire_time(job.trigger, None, self._now(), job.fire_time_options)
            if following is None:
                self.remove_job(job_id, jobstore)
                return None
            return self.modify_job(job_id, jobstore, next_run_time=following)

    def get_jobs(self, jobstore: str | None = None, pending: bool | None = None) -> list[Job]:  # noqa: FBT001 - APScheduler's signature
        """Return the jobs, those of a store by their next fire times.

        Args:
            jobstore: The alias of a store. None: of all.
            pending: APScheduler's former argument; it changes nothing.
        """
        del pending
        with self._lock:
            found: list[Job] = []
            for job, alias in self._book.jobs(jobstore, started=self.running):
                job.belongs_to(self._whole, alias)
                found.append(job)
            return found

    def get_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Return the job of an ID, or None.

        Args:
            job_id: Its ID.
            jobstore: The alias of its store. None: the first store that has it.
        """
        with self._lock:
            try:
                return self._find(job_id, jobstore)[0]
            except JobLookupError:
                return None

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Remove a job. A run that is active continues.

        Raises:
            JobLookupError: There is no such job.
        """
        with self._lock:
            alias = self._book.alias_of(job_id, jobstore, started=self.running)
            self._book.remove(job_id, alias)
            if self._engine is not None and alias is not None:
                self._engine.forget(alias, job_id)
        self._dispatcher.now(JobEvent(EVENT_JOB_REMOVED, job_id, alias))
        self._logger.info("Removed job %s", job_id)

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove all jobs, or those of one store."""
        with self._lock:
            for alias in self._book.clear(jobstore, started=self.running):
                if self._engine is not None:
                    self._engine.forget_all(alias)
        self._dispatcher.now(SchedulerEvent(EVENT_ALL_JOBS_REMOVED, jobstore))

    def print_jobs(self, jobstore: str | None = None, out: IO[str] | None = None) -> None:
        """Print the jobs, by store.

        Args:
            jobstore: The alias of a store. None: all.
            out: A text file. None: standard output.
        """
        out = sys.stdout if out is None else out
        with self._lock:
            groups: dict[str, list[Job]] = {}
            if self.running:
                groups = {f"Jobstore {alias}": [] for alias in sorted(self._book.stores) if jobstore in {None, alias}}
            for job, alias in self._book.jobs(jobstore, started=self.running):
                groups.setdefault("Pending jobs" if alias is None else f"Jobstore {alias}", []).append(job)
        print_groups(out, groups or {"Pending jobs": []})

    def export_jobs(self, outfile: IO[str] | str, jobstore: str | None = None) -> None:
        """Write the jobs as JSON.

        Args:
            outfile: A text file, or the path of one.
            jobstore: The alias of a store. None: all.
        """
        with self._lock:
            write_jobs(outfile, self.get_jobs(jobstore))

    def import_jobs(
        self, infile: IO[str] | str, jobstore: str = "default", *, pickles: bool = False, allow: Collection[str] = ()
    ) -> None:
        """Add the jobs of a file that ``export_jobs`` wrote.

        Args:
            infile: A text file, or its path.
            jobstore: The alias of the store that gets them.
            pickles: Read a file of APScheduler, which has pickles: only if you trust it.
            allow: Other classes that they may name, as ``module:Class``.
        """
        with self._lock:
            for job in read_foreign_jobs(infile, allow) if pickles else read_jobs(infile):
                job.belongs_to(self._whole, None)
                if not self.running:
                    self._book.pending.append((job, jobstore, False))
                else:
                    self._add_to_store(job, jobstore, replace_existing=False)

    # -- inside

    def _add_to_store(self, job: Job, alias: str, *, replace_existing: bool) -> None:
        kept = self._book.add(job, alias, replace=replace_existing)
        if self._engine is not None:
            self._engine.show(alias, kept)
        self._dispatcher.now(JobEvent(EVENT_JOB_ADDED, job.id, alias))
        self._logger.info('Added job "%s" to job store "%s"', job.name, alias)

    def _find(self, job_id: str, jobstore: str | None) -> tuple[Job, str | None]:
        job, alias = self._book.find(job_id, jobstore, started=self.running)
        job.belongs_to(self._whole, alias)
        return job, alias

    def _create_trigger(self, trigger: BaseTrigger | str | None, options: dict[str, Any]) -> BaseTrigger:
        """Return a trigger, made from its alias and those of the options that are not of the job."""
        made = {key: value for key, value in options.items() if key not in OPTIONS}
        return create_trigger("date" if trigger is None else trigger, self.timezone, **made)
