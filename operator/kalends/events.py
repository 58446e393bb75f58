"""Events of a scheduler: their codes, which are bits of a mask, and their classes. Names and values are APScheduler's.

The codes from ``EVENT_JOB_SKIPPED`` on have no counterpart there. They say what became of fire times that got no run,
and of runs that did not end at their first attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

EVENT_SCHEDULER_STARTED = EVENT_SCHEDULER_START = 1 << 0
EVENT_SCHEDULER_SHUTDOWN = 1 << 1
EVENT_SCHEDULER_PAUSED = 1 << 2
EVENT_SCHEDULER_RESUMED = 1 << 3
EVENT_EXECUTOR_ADDED = 1 << 4
EVENT_EXECUTOR_REMOVED = 1 << 5
EVENT_JOBSTORE_ADDED = 1 << 6
EVENT_JOBSTORE_REMOVED = 1 << 7
EVENT_ALL_JOBS_REMOVED = 1 << 8
EVENT_JOB_ADDED = 1 << 9
EVENT_JOB_REMOVED = 1 << 10
EVENT_JOB_MODIFIED = 1 << 11
EVENT_JOB_EXECUTED = 1 << 12
EVENT_JOB_ERROR = 1 << 13
EVENT_JOB_MISSED = 1 << 14
EVENT_JOB_SUBMITTED = 1 << 15
EVENT_JOB_MAX_INSTANCES = 1 << 16
EVENT_JOB_SKIPPED = 1 << 17
"""Fire times got no run, for another reason than ``max_instances``."""
EVENT_JOB_COALESCED = 1 << 18
"""Fire times were rolled into another fire time that was due with them."""
EVENT_JOB_QUEUED = 1 << 19
"""A fire time waits, for an earlier run or for a worker."""
EVENT_JOB_LOST = 1 << 20
"""A run was started, and its process ended before the end of the run was recorded."""
EVENT_JOB_RETRIED = 1 << 21
"""An attempt failed, and another attempt will follow."""
EVENT_ALL = (1 << 22) - 1


class SchedulerEvent:
    """An event of the scheduler itself, of an executor, or of a job store.

    Attributes:
        code: One of the ``EVENT_…`` constants.
        alias: The alias of the executor or the job store, if the event is about one.
    """

    def __init__(self, code: int, alias: str | None = None) -> None:
        self.code = code
        self.alias = alias

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (code={self.code})>"


class JobEvent(SchedulerEvent):
    """An event of a job.

    Attributes:
        job_id: The ID of the job.
        jobstore: The alias of its job store.
    """

    def __init__(self, code: int, job_id: str, jobstore: str | None) -> None:
        super().__init__(code)
        self.job_id = job_id
        self.jobstore = jobstore


class JobSubmissionEvent(JobEvent):
    """A job was given to its executor, or was not because too many of its runs are active.

    Attributes:
        scheduled_run_times: The fire times, as aware datetimes.
    """

    def __init__(self, code: int, job_id: str, jobstore: str | None, scheduled_run_times: Sequence[datetime]) -> None:
        super().__init__(code, job_id, jobstore)
        self.scheduled_run_times = list(scheduled_run_times)


class JobExecutionEvent(JobEvent):
    """A run of a job ended, or a fire time got none.

    Attributes:
        scheduled_run_time: The fire time, as an aware datetime.
        retval: What the callable returned.
        exception: What the callable raised.
        traceback: The traceback of the exception, as text.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the fields of APScheduler's class, in its order
        self,
        code: int,
        job_id: str,
        jobstore: str | None,
        scheduled_run_time: datetime,
        retval: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(code, job_id, jobstore)
        self.scheduled_run_time = scheduled_run_time
        self.retval = retval
        self.exception = exception
        self.traceback = traceback


class JobDecisionEvent(JobEvent):
    """Fire times of a job were decided alike, and got no run now: missed, skipped, coalesced or queued.

    Attributes:
        scheduled_run_time: The last of the fire times.
        count: How many fire times it is about.
        reason: The reason, in one word.
        message: The reason, in a sentence.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each attribute
        self,
        code: int,
        job_id: str,
        jobstore: str | None,
        scheduled_run_time: datetime,
        count: int = 1,
        reason: str = "",
        message: str = "",
    ) -> None:
        super().__init__(code, job_id, jobstore)
        self.scheduled_run_time = scheduled_run_time
        self.count = count
        self.reason = reason
        self.message = message
