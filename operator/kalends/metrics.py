"""Every metric, in one table. Labels are bounded: no names of objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kalends.engine.ports import Decided, Ended, Notice

SUB_SECOND = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
RUNS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)


@dataclass(frozen=True, slots=True)
class Readings:
    """What is read when somebody asks."""

    active_runs: Callable[[], int]
    agenda_size: Callable[[], int]
    scheduled_jobs: Callable[[], int]
    loop_lag: Callable[[], float]
    clock_skew: Callable[[], float]


class Metrics:
    """The operator's metrics, in a registry of their own. It listens to the engine."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        into = self.registry
        self._delay = Histogram(
            "kalends_dispatch_delay_seconds",
            "How long after it was to start a run was decided.",
            buckets=SUB_SECOND,
            registry=into,
        )
        self._fire_times = Counter(
            "kalends_fire_times", "Fire times, by what was decided on them.", ["decision"], registry=into
        )
        self._runs = Counter("kalends_runs", "Runs that have ended.", ["executor", "outcome"], registry=into)
        self._durations = Histogram(
            "kalends_run_duration_seconds", "How long runs took.", ["executor"], buckets=RUNS, registry=into
        )
        self._requests = Histogram(
            "kalends_api_request_duration_seconds",
            "Requests to the API server; code 0 had no answer.",
            ["verb", "resource", "code"],
            buckets=REQUESTS,
            registry=into,
        )
        self._build = Gauge("kalends_build_info", "Always 1.", ["version"], registry=into)
        self._build.labels(version("kalends")).set(1)

    def read_from(self, readings: Readings) -> None:
        """Say where gauges are read."""
        gauges: tuple[tuple[str, str, Callable[[], float]], ...] = (
            ("kalends_runs_active", "Runs that are under way.", readings.active_runs),
            ("kalends_agenda_size", "ScheduledJobs that wait for an instant.", readings.agenda_size),
            ("kalends_scheduled_jobs", "ScheduledJobs that are known.", readings.scheduled_jobs),
            ("kalends_loop_lag_seconds", "How long the event loop was last held up.", readings.loop_lag),
            ("kalends_clock_skew_seconds", "How far wall clock and monotonic clock have drifted.", readings.clock_skew),
        )
        for name, text, read in gauges:
            Gauge(name, text, registry=self.registry).set_function(read)

    def notice(self, notice: Notice) -> None:
        """Count what the engine has decided and recorded."""
        match notice:
            case Decided(decision=decision, count=count):
                self._fire_times.labels(decision).inc(count)
                if decision == "Started":
                    self._delay.observe(notice.delay)
            case Ended(report=report, executor=executor):
                self._runs.labels(executor, report.outcome.value).inc()
                self._durations.labels(executor).observe(max(0, report.completed - report.started))
            case _:
                return

    def request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count one request to the API server."""
        self._requests.labels(verb, resource, str(code)).observe(seconds)

    def page(self) -> bytes:
        """Return all of it, in Prometheus' text format."""
        return generate_latest(self.registry)
