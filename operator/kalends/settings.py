"""The settings of an operator: from a file, from the environment (which wins), and from options (which win over both).

Every setting has an environment variable: ``KALENDS_`` and its name in capitals, with ``__`` between levels
(``KALENDS_JOB_DEFAULTS__COALESCE=All``). Lists and objects are JSON there.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import tzlocal
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from kalends.errors import InvalidSchedule, InvalidSettings
from kalends.model.values import Coalesce
from kalends.settings_errors import in_words
from kalends.triggers.zones.zone import find_zone

_LABEL = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
Alias = Annotated[str, StringConstraints(pattern=_LABEL)]
Namespace = Annotated[str, StringConstraints(pattern=_LABEL)]


class ExecutorKind(StrEnum):
    """Where the runs of an executor run."""

    THREADS = "threads"
    PROCESSES = "processes"


class ExecutorSettings(BaseModel):
    """One named executor."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: ExecutorKind = ExecutorKind.THREADS
    """`threads` (one memory, cannot be killed) or `processes` (isolated, killed when given up)."""
    workers: Annotated[int, Field(ge=1, le=1000)] = 10
    """Maximum number of active runs in it."""
    max_runs_per_worker: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Of processes: how many runs of one ScheduledJob a worker serves until another replaces it; 1: each run has a new
    process. A worker never serves two ScheduledJobs. Default: 100."""

    max_replaced_threads: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Of threads: how many threads that hang beyond their time limit are replaced. Each further hanging thread occupies
    one of `workers` until it returns. Default: as many as `workers`."""

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        if self.kind is not ExecutorKind.THREADS and self.max_replaced_threads is not None:
            raise ValueError("must not have max_replaced_threads: only kind 'threads' has it")
        if self.kind is not ExecutorKind.PROCESSES and self.max_runs_per_worker is not None:
            raise ValueError("must not have max_runs_per_worker: only kind 'processes' has it")
        return self


class JobSettings(BaseModel):
    """The Kubernetes Jobs of all ScheduledJobs together."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    max_running: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many Jobs may be unfinished at once, in all namespaces together. A run beyond it waits for the end of a Job.
    Default: no limit."""


class JobDefaults(BaseModel):
    """What holds for a ScheduledJob that does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    coalesce: Coalesce = Coalesce.LATEST
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    starting_deadline_seconds: Annotated[int, Field(ge=0)] | None = None
    executor: str = "default"


class LeaderElection(BaseModel):
    """Which of several replicas acts."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    enabled: bool | None = None
    """Whether it takes a Lease to act. Default: where the Lease's namespace is known, so in a pod, not elsewhere."""
    namespace: Namespace | None = None
    """The namespace of the Lease. Default: the pod's own, by POD_NAMESPACE or its service account."""
    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")] = "kalends"
    """The name of the Lease: operators that share it are replicas of each other."""
    lease_duration: Annotated[float, Field(le=3600)] = 15.0
    """Seconds without a renewal after which another replica may act in place of the leader."""
    renew_deadline: float = 10.0
    """Seconds without a renewal after which a replica stops acting."""
    retry_period: Annotated[float, Field(gt=0)] = 2.0
    """Seconds between two renewals, or two tries."""

    take_over_seconds: Annotated[float, Field(ge=30, le=86400)] = 120.0
    """Seconds for which the Lease of another operator must have been unchanged or absent before this operator decides
    on the ScheduledJobs that name it."""
    replaces: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+/[a-z0-9.-]+$")], ...] = ()
    """Leases, as `namespace/name`, of operators that this operator replaces: it takes over their ScheduledJobs at once
    where such a Lease cannot be read, else when it has not been renewed for its own duration."""

    @property
    def lease(self) -> str:
        """The Lease as records name it, or an empty text where none is asked for."""
        return f"{self.namespace}/{self.name}" if self.enabled and self.namespace else ""

    @model_validator(mode="after")
    def _with_a_margin(self) -> Self:
        if not self.lease_duration > self.renew_deadline > self.retry_period:
            raise ValueError("must have lease_duration > renew_deadline > retry_period")
        return self

    def settled(self, own_namespace: str | None) -> Self:
        """Return these settings without anything left open.

        Args:
            own_namespace: That of the pod we are in, if we are in one.

        Raises:
            InvalidSettings: A Lease is asked for, and its namespace is unknown, or is not a valid name.
        """
        namespace = self.namespace or own_namespace
        if self.enabled and namespace is None:
            raise InvalidSettings("leader_election.namespace must be set: outside a pod there is none to take instead")
        enabled = namespace is not None if self.enabled is None else self.enabled
        try:
            return self.model_validate({**self.model_dump(), "enabled": enabled, "namespace": namespace})
        except ValidationError as error:
            raise InvalidSettings(f"leader_election: {in_words(error, type(self))}") from error


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="KALENDS_", env_nested_delimiter="__", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    time_zone: str = Field(default_factory=lambda: tzlocal.get_localzone_name() or "UTC")
    """The zone of ScheduledJobs that name none. Default: this machine's."""
    executors: dict[Alias, ExecutorSettings] = Field(
        default_factory=lambda: {
            "default": ExecutorSettings(),
            "processes": ExecutorSettings(kind=ExecutorKind.PROCESSES, workers=2),
        }
    )
    """Executors by name. Default: `default`, ten threads, and `processes`, two processes that start when they are first
    needed. Where others are named, `default` is there as well."""
    jobs: JobSettings = JobSettings()
    """The Kubernetes Jobs of all ScheduledJobs together."""
    job_defaults: JobDefaults = JobDefaults()
    """What holds for ScheduledJobs that do not say."""
    task_modules: tuple[str, ...] = ()
    """Modules whose tasks ScheduledJobs may name, besides those of installed packages."""
    namespaces: tuple[Namespace, ...] = ()
    """Namespaces to watch. Default: all."""
    api_connections: Annotated[int, Field(ge=1, le=500)] = 32
    """Maximum number of active requests to the API server."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 25.0
    """How long runs in this process may take to end when the operator stops."""
    leader_election: LeaderElection = LeaderElection()
    """Which of several replicas acts."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port of /livez, /readyz and /metrics; 0 picks a free one."""
    health_host: str | None = None
    """The address of /livez, /readyz and /metrics. Default: all addresses, IPv4 and IPv6."""
    events_for_success: bool = False
    """Whether a run that went well leaves an Event too."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Validate the arguments alone: `load` merges them from all sources, so that nothing skips validation."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, name: str) -> str:
        try:
            find_zone(name)
        except InvalidSchedule as error:
            raise ValueError(error.message) from error
        return name

    @field_validator("executors")
    @classmethod
    def _with_default(cls, executors: dict[str, ExecutorSettings]) -> dict[str, ExecutorSettings]:
        if "jobs" in executors:
            raise ValueError("must not name an executor 'jobs': that is where every `jobTemplate` runs")
        return {"default": ExecutorSettings(), **executors}

    @field_validator("namespaces")
    @classmethod
    def _once_each(cls, namespaces: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(namespaces))

    @classmethod
    def load(cls, file: Path | None = None, **options: Any) -> Self:
        """Return the settings of a YAML file and the environment, and on top of both the options that are not None.

        Raises:
            InvalidSettings: A name is unknown or a value is not accepted; the message names all of them.
        """
        try:
            given = {} if file is None else yaml.safe_load(file.read_text()) or {}
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InvalidSettings(f"the settings file must be readable YAML: {error}") from error
        if not isinstance(given, dict):
            raise InvalidSettings(f"{file} must hold an object of settings, got {type(given).__name__}")
        if odd := [name for name in given if not isinstance(name, str)]:
            raise InvalidSettings(f"unknown setting {odd[0]!r} in {file}: names are text")
        try:
            environment = EnvSettingsSource(cls)()
        except SettingsError as error:
            raise InvalidSettings(f"lists and objects in KALENDS_… variables must be JSON: {error}") from error
        said = {name: value for name, value in options.items() if value is not None}
        try:
            return cls(**_merged(_merged(given, environment), said))
        except ValidationError as error:
            raise InvalidSettings(in_words(error, cls)) from error


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings in one; where both have a value, objects are merged, and else ``above`` wins."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[name] = _merged(under, value)
        else:
            merged[name] = value
    return merged
