"""Every reason that Kalends gives, once: for conditions, refusals, outcomes, Events and metric labels.

The words are the API: tools match on them. Add, but do not rename.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why something is as it is, in one PascalCase word."""

    # Ready=True: what was asked for is being done.
    ARMED = "Armed"  # valid, and waiting for its next fire time
    SUSPENDED = "Suspended"  # valid, and `suspend` is true: nothing is due
    RESTORED = "Restored"  # valid, and restored without its status: nothing is due until it is edited
    EXHAUSTED = "Exhausted"  # valid, and there is no fire time left
    SEARCH_LIMIT = (
        "SearchLimit"  # valid, and the next fire time lies beyond the reach of one search; the search continues later
    )

    # Ready=False, Stalled=True: nothing happens until a user corrects the resource.
    INVALID_SPEC = "InvalidSpec"  # a field has a value that the schema should have refused
    INVALID_SCHEDULE = "InvalidSchedule"  # an expression that cannot be read, or that can never match
    UNKNOWN_TIME_ZONE = "UnknownTimeZone"  # a name that the IANA database does not have
    UNKNOWN_TASK = "UnknownTask"  # no task of this name is registered with this operator
    INVALID_ARGUMENTS = "InvalidArguments"  # the task cannot be called with `args` and `kwargs`
    UNKNOWN_EXECUTOR = "UnknownExecutor"  # no executor of this name is configured
    INVALID_JOB_TEMPLATE = "InvalidJobTemplate"  # the API server refused the Job in a dry run
    INVALID_STATUS = "InvalidStatus"  # the status was edited to an invalid value, or has an unknown writer
    TOO_LARGE = "TooLarge"  # larger, or nested deeper, than is accepted
    INTERNAL_ERROR = "InternalError"  # Kalends itself failed on this resource, and on no other
    START_REFUSED = "StartRefused"  # starts are refused again and again: quota, permission, admission, no worker
    NOT_SUPPORTED = "NotSupported"  # valid, but this operator cannot do it

    # OtherOperator=True: two operators watch the resource, and one of them leaves it alone.
    OTHER_OPERATOR = "OtherOperator"  # also an Event; the message names both Leases

    # Ready=Unknown: not decided yet.
    PENDING = "Pending"  # the operator has not looked yet

    # LastRunSucceeded: how the last run ended.
    RUN_SUCCEEDED = "RunSucceeded"  # also an Event, where the settings ask for it

    # JobsIgnored, JobRelabelled: also Events.
    UNEXPECTED_JOB = "UnexpectedJob"  # a Job claims to be a run that was not due, or not asked for
    IDENTITY_CHANGED = "IdentityChanged"  # the label or the controller reference of an active Job was changed

    # Refusals: why a due fire time got no run.
    DEADLINE_EXCEEDED = "DeadlineExceeded"  # later than startingDeadlineSeconds when it was decided
    WAITED_TOO_LONG = "WaitedTooLong"  # decided in time, but its pool or its queue let it start too late
    COALESCED = "Coalesced"  # another fire time that was due at the same moment runs instead
    TOO_MANY_INSTANCES = "TooManyInstances"  # maxInstances are running, and concurrencyPolicy is Forbid
    QUEUE_FULL = "QueueFull"  # maxQueued are waiting, and concurrencyPolicy is Queue
    SCHEDULE_CHANGED = "ScheduleChanged"  # it waited for room while the schedule was edited or suspended
    RUN_LIMIT_REACHED = "RunLimitReached"  # maxRuns have started
    NAME_TAKEN = "NameTaken"  # a Job of that name has another owner
    JOB_REFUSED = "JobRefused"  # the API server would not create the Job: quota, admission, or its shape

    # How a run ended otherwise than well.
    EXCEPTION = "Exception"  # the task raised
    TIMED_OUT = "TimedOut"  # it took longer than activeDeadlineSeconds
    PENDING_TIMEOUT = "PendingTimeout"  # its pods did not start within pendingTimeoutSeconds
    ADMISSION_TIMEOUT = "AdmissionTimeout"  # its Job was not admitted within admissionTimeoutSeconds
    JOB_FAILED = "JobFailed"  # the Job failed, and gave no better reason
    BACKOFF_LIMIT_EXCEEDED = "BackoffLimitExceeded"  # the Job's pods failed more often than its backoffLimit
    WORKER_DIED = "WorkerDied"  # the process of the pool in which it ran ended under it
    HOLDER_GONE = "HolderGone"  # the operator that had claimed it went away
    JOB_DELETED = "JobDeleted"  # its Job was deleted
    REPLACED = "Replaced"  # a later run took its place, as concurrencyPolicy is Replace
    OWNER_DELETED = "OwnerDeleted"  # its ScheduledJob was deleted
    SHUTTING_DOWN = "ShuttingDown"  # the operator stopped, and the run did not end in time

    # Events: what needs attention, in the past tense.
    DELAYED = "Delayed"  # an action has failed several times in a row, and is tried again
    RUN_RETRIED = "RunRetried"  # an attempt failed, another attempt follows
    RUN_FAILED = "RunFailed"
    RUN_MISSED = "RunMissed"
    RUN_SKIPPED = "RunSkipped"
    RUNS_COALESCED = "RunsCoalesced"  # ten fire times or more gave way to another one at once
    RUN_CANCELLED = "RunCancelled"
    RUN_LOST = "RunLost"
    SCHEDULE_INVALID = "ScheduleInvalid"  # the resource cannot be carried out; the condition says why
    SCHEDULE_EXHAUSTED = "ScheduleExhausted"  # the last fire time has been decided
    SCHEDULE_DELETED = "ScheduleDeleted"  # ttlSecondsAfterFinished is over
