"""What an operator can be told: by a file, by the environment (which wins), and by options (which win over both).

Every setting has an environment variable: ``KALENDS_`` and its name in capitals, with ``__`` between levels
(``KALENDS_JOB_DEFAULTS__COALESCE=All``). Lists and objects are JSON there.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo

import tzlocal
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kalends.errors import InvalidSettings
from kalends.model import Coalesce

Alias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]


class ExecutorKind(StrEnum):
    """Where the runs of an executor run."""

    THREADS = "threads"
    PROCESSES = "processes"


class ExecutorSettings(BaseModel):
    """One named executor."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ExecutorKind = ExecutorKind.THREADS
    """`threads` (one memory, cannot be killed) or `processes` (isolated, killed when given up)."""
    workers: Annotated[int, Field(ge=1, le=1000)] = 10
    """How many runs go on in it at once."""


class JobDefaults(BaseModel):
    """What holds for a ScheduledJob that does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    coalesce: Coalesce = Coalesce.LATEST
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 1
    starting_deadline_seconds: Annotated[int, Field(ge=0)] | None = None
    executor: str = "default"


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="KALENDS_", env_nested_delimiter="__", extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    time_zone: str = Field(default_factory=lambda: tzlocal.get_localzone_name() or "UTC")
    """The zone of ScheduledJobs that name none. Default: this machine's."""
    executors: dict[Alias, ExecutorSettings] = Field(default_factory=lambda: {"default": ExecutorSettings()})
    """Executors by name. Default: one, `default`, of ten threads."""
    job_defaults: JobDefaults = JobDefaults()
    """What holds for ScheduledJobs that do not say."""
    task_modules: tuple[str, ...] = ()
    """Modules whose tasks ScheduledJobs may name, besides those of installed packages."""
    namespaces: tuple[str, ...] = ()
    """Namespaces to watch. Default: all."""
    api_connections: Annotated[int, Field(ge=1, le=500)] = 32
    """How many requests to the API server may be under way at once."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 25.0
    """How long runs in this process may take to end when the operator is told to stop."""
    health_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """The port of /livez, /readyz and /metrics; 0 picks a free one."""
    health_host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from outside the pod
    """The address of /livez, /readyz and /metrics."""
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
        """Let the environment win over the file, whose content comes as arguments."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @field_validator("time_zone")
    @classmethod
    def _a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except Exception as error:
            raise ValueError(f"must be an IANA time zone name, got {name!r}") from error
        return name

    @field_validator("executors")
    @classmethod
    def _with_default(cls, executors: dict[str, ExecutorSettings]) -> dict[str, ExecutorSettings]:
        if "jobs" in executors:
            raise ValueError("must not name an executor 'jobs': that is where every `jobTemplate` runs")
        return {"default": ExecutorSettings(), **executors}

    @classmethod
    def load(cls, file: Path | None = None, **overrides: Any) -> Self:
        """Return the settings of a YAML file and the environment, and on top of both the options that are not None.

        Raises:
            InvalidSettings: A name is unknown or a value is not accepted; the message names all of them.
        """
        try:
            given = {} if file is None else yaml.safe_load(file.read_text()) or {}
        except (OSError, yaml.YAMLError) as error:
            raise InvalidSettings(f"the settings file must be readable YAML: {error}") from error
        if not isinstance(given, dict):
            raise InvalidSettings(f"{file} must hold an object of settings, got {type(given).__name__}")
        try:
            settings = cls(**given)
            said = {name: value for name, value in overrides.items() if value is not None}
            return settings.model_copy(update=said) if said else settings
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise InvalidSettings(told) from error
