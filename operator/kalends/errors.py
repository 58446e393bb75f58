"""Every error that Kalends raises on purpose.

KalendsError
├── InvalidSpec            what a user asked for cannot be done; the message says what is accepted
│   └── InvalidSchedule    ... because of its trigger, zone or bounds
├── InvalidSettings        what the operator was told cannot be done
├── InvalidTask            a callable that is marked as a task cannot be one
├── InvalidStatus          a status that no Kalends wrote, or that somebody edited to nonsense
├── JobStoreError          a write to a job store did not happen
│   ├── Conflict           somebody else wrote in between: read again, decide again
│   ├── Gone               the resource is no longer there
│   ├── Refused            the store does not accept the record itself
│   └── Unavailable        the store cannot be reached now; whether the write happened is unknown
└── ApiError               the API server answered with an error, or not at all
"""

from __future__ import annotations

from collections.abc import Sequence

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


class InvalidSettings(KalendsError):
    """Settings of the operator that cannot be carried out."""


class InvalidTask(KalendsError, TypeError):
    """A callable that cannot be a task."""


class InvalidStatus(KalendsError):
    """A status that cannot be read, or that contradicts itself."""


class JobStoreError(KalendsError):
    """A write to a job store did not happen, or may not have."""


class Conflict(JobStoreError):
    """The resource changed since it was read: read again, decide again."""


class Gone(JobStoreError):
    """The resource is no longer there."""


class Refused(JobStoreError):
    """The store does not accept the record itself, and will not however often it is written."""


class Unavailable(JobStoreError):
    """The store cannot be reached now, and whether a write happened is unknown.

    ``retry_after``: for how many seconds it asks to be left alone, if it said so.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


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
