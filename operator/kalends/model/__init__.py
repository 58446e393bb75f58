"""What is wanted: the resource as frozen classes, without any I/O and without a clock. It writes the CRD."""

from kalends.model.instants import format_instant, parse_instant
from kalends.model.reasons import Reason
from kalends.model.resource import ScheduledJob
from kalends.model.v1alpha1.metadata import ObjectMeta
from kalends.model.v1alpha1.spec import Retry, ScheduledJobSpec
from kalends.model.v1alpha1.status import ActiveRun, Condition, Counts, FinishedRun, Misfire, Status
from kalends.model.v1alpha1.target import JobTemplate, Task, TemplateMeta
from kalends.model.v1alpha1.trigger import CalendarInterval, CronFields, Date, Exclusion, Interval, Member, Trigger
from kalends.model.validation.manifest import check_manifest
from kalends.model.validation.problems import Problem
from kalends.model.values import (
    API_VERSION,
    GROUP,
    KIND,
    LONGEST_NAME,
    MOST_ACTIVE_LISTED,
    MOST_HISTORY_LISTED,
    MOST_QUEUED,
    PLURAL,
    VERSION,
    Coalesce,
    ConcurrencyPolicy,
    ConditionStatus,
    ConditionType,
    DaylightSaving,
    Outcome,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "LONGEST_NAME",
    "MOST_ACTIVE_LISTED",
    "MOST_HISTORY_LISTED",
    "MOST_QUEUED",
    "PLURAL",
    "VERSION",
    "ActiveRun",
    "CalendarInterval",
    "Coalesce",
    "ConcurrencyPolicy",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "Counts",
    "CronFields",
    "Date",
    "DaylightSaving",
    "Exclusion",
    "FinishedRun",
    "Interval",
    "JobTemplate",
    "Member",
    "Misfire",
    "ObjectMeta",
    "Outcome",
    "Problem",
    "Reason",
    "Retry",
    "ScheduledJob",
    "ScheduledJobSpec",
    "Status",
    "Task",
    "TemplateMeta",
    "Trigger",
    "check_manifest",
    "format_instant",
    "parse_instant",
]
