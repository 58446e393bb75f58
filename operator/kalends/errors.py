"""Every error that Kalends raises on purpose.

KalendsError
├── InvalidSpec              a spec that cannot be carried out; the message says what is accepted
│   └── InvalidSchedule      ... because of its trigger, zone or bounds
├── InvalidTrigger           arguments of a trigger of a program that cannot be carried out
│   └── UnknownTimeZone      ... because no time zone has that name
├── InvalidManifest          a file with such specs, or without any
├── InvalidSettings          settings of the operator that cannot be carried out
├── InvalidTask              a callable that cannot be a task
├── InvalidStatus            a status that Kalends has not written, or that contradicts itself
├── JobStoreError            a write to a job store did not happen
│   ├── AlreadyExists        the resource exists, and was not to be replaced
│   ├── Conflict             the resource was written in between: read again, decide again
│   ├── Gone                 the resource does not exist any more
│   ├── Refused              the store does not accept the record itself
│   └── UnknownLayout        a later version of Kalends, or another program, made the store
├── ExecutorError            an executor did not run a run
│   ├── StartRefused         the run cannot be started
│   └── WorkerDied           the worker ended before its run did
│       └── StartTookTooLong ... before it had taken the run up, as it did not start in time
├── Unavailable              a store or an executor cannot do it now; whether it happened is unknown
│   └── StartDeferred        ... it is known that the run was not started
│       ├── NamespaceTerminating   ... because its namespace is being deleted
│       └── ExecutorShutDown ... because its executor is shut down
├── NoLongerWanted           what was to be sent or started was withdrawn before it was sent
├── SearchUnfinished         the search of a trigger ended before the answer was known
└── ApiError                 the API server answered with an error, or not at all
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfoNotFoundError

NAMESPACE_TERMINATING = "NamespaceTerminating"
"""The cause that the API server gives (``details.causes``) for a 403 in a namespace that is being deleted."""


class KalendsError(Exception):
    """The root of the tree."""


class InvalidSpec(KalendsError):
    """A manifest that cannot be carried out.

    Args:
        message: What is accepted, and what was found: ``must be between 0 and 59, got '61'``.
        path: Where it stands, as a user would write it: ``spec.trigger.cron.minute``.
        reason: A PascalCase word for conditions, Events and metrics.
    """

    reason = "InvalidSpec"

    def __init__(self, message: str, *, path: str = "spec", reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        if reason is not None:
            self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class InvalidSchedule(InvalidSpec):
    """A trigger, zone or bound that cannot be carried out."""

    reason = "InvalidSchedule"


class InvalidTrigger(KalendsError, ValueError):
    """Arguments of a trigger that cannot be carried out; the message says what is accepted."""


class UnknownTimeZone(InvalidTrigger, ZoneInfoNotFoundError):
    """The time zone database has no zone of that name."""

    def __str__(self) -> str:
        return " ".join(map(str, self.args))  # KeyError would quote it


class InvalidManifest(KalendsError):
    """Manifests that cannot be carried out; ``problems`` has a line for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class InvalidSettings(KalendsError):
    """Settings of the operator that cannot be carried out."""


class InvalidTask(KalendsError, TypeError):
    """A callable that cannot be a task."""


class InvalidStatus(KalendsError):
    """A status that cannot be read, or that contradicts itself."""


class JobStoreError(KalendsError):
    """A write to a job store did not happen, or may not have."""


class AlreadyExists(JobStoreError):
    """There is a resource of this name, and it was not to be replaced."""


class Conflict(JobStoreError):
    """The resource changed since it was read: read again, decide again."""


class Gone(JobStoreError):
    """The resource is no longer there."""


class Refused(JobStoreError):
    """The store does not accept the record itself, and will not however often it is written."""


class UnknownLayout(JobStoreError):
    """A store has a layout that this version of Kalends does not know."""


class ExecutorError(KalendsError):
    """An executor did not run a run."""


class StartRefused(ExecutorError):
    """A run cannot be started; what may be possible later without an edit is ``Unavailable``.

    Args:
        reason: A PascalCase word for conditions, Events and metrics (``kalends.model.reasons``).
        message: What is accepted, or why the run was refused.
        may_pass: Whether an admission policy refused it, which may change without an edit of the resource.
    """

    def __init__(self, reason: str, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.may_pass = may_pass


class WorkerDied(ExecutorError):
    """A worker ended before its run did."""


class StartTookTooLong(WorkerDied):
    """A worker process did not start in time. To ask for another at once would take as long again."""


class Unavailable(KalendsError):
    """A job store or an executor cannot be reached or has no room now; whether what was asked for happened is unknown.

    Args:
        message: Why.
        retry_after: Seconds for which the other side asks not to be called again, if it named any.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StartDeferred(Unavailable):
    """A run was certainly not started now; the reason may pass without an edit of the resource."""


class NamespaceTerminating(StartDeferred):
    """No run can be started in a namespace that is being deleted."""


class ExecutorShutDown(StartDeferred):
    """The executor of a run is shut down, as a rule right before its scheduler is."""


class NoLongerWanted(KalendsError):
    """A request waited for its turn, and its sender did not want it any more when the turn came: it was not sent."""


class SearchUnfinished(KalendsError):
    """The search of a trigger ended before the answer was known.

    Args:
        until: The last instant that was searched, in seconds since 1970.
    """

    def __init__(self, until: int) -> None:
        super().__init__(f"the trigger was searched up to {until} only")
        self.until = until


class ApiError(KalendsError):
    """The API server answered with an error (``status`` is its HTTP status), or not at all (``status`` is 0).

    ``causes``: the reasons in the ``details.causes`` of its answer.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after: float | None = None,
        causes: Sequence[str] = (),
    ) -> None:
        super().__init__(f"{status} {reason}: {message}" if status else f"{reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after = retry_after
        self.causes = tuple(causes)
