"""Every metric, in one table. Labels are bounded: no names of objects, and nothing that a record alone contains."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kalends.engine.ports import Decided, Ended, JobAnomaly, Notice, ReadinessChanged, StartPutOff, Verdict
from kalends.model.reasons import Reason
from kalends.model.values import Outcome

SUB_SECOND = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
UNKNOWN = "unknown"
"""The label of an executor that a record names and this operator does not have: its settings were changed, or a user
edited the record."""
RUNS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400)
ENDS = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.TIMED_OUT, Outcome.CANCELLED, Outcome.LOST)
"""Outcomes of runs that have started."""


@dataclass(frozen=True, slots=True)
class ScrapedValues:
    """Values read at each scrape. A standby has no runs, no resources and no agenda: they are the leader's."""

    leads: Callable[[], bool]
    active_runs: Callable[[], Mapping[str, int]]
    """By executor."""
    scheduled_jobs: Callable[[], Mapping[str, int]]
    """By state."""
    crd_fits: Callable[[], bool]
    """Whether records can be kept with the installed CRD."""
    stuck_workers: Callable[[], Mapping[str, int]]
    """By executor: threads that were given up and have not returned."""
    foreign_holders: Callable[[], int]
    """ScheduledJobs that another operator watches or decides on."""
    agenda_size: Callable[[], int]
    loop_lag: Callable[[], float]
    clock_skew: Callable[[], float]


class Gauges(Collector):
    """Reads when it is asked."""

    def __init__(self, readings: ScrapedValues) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        """Yield each gauge as it now is."""
        read = self._readings
        leads = read.leads()
        yield GaugeMetricFamily("kalends_leader", "Whether this replica acts: 1 or 0.", value=leads)
        yield GaugeMetricFamily(
            "kalends_crd_outdated",
            "Whether nothing is decided because the CRD is older than this operator: 1 or 0.",
            value=not read.crd_fits(),
        )
        yield GaugeMetricFamily(
            "kalends_loop_lag_seconds", "How long the event loop was last held up.", value=read.loop_lag()
        )
        yield GaugeMetricFamily(
            "kalends_clock_skew_seconds",
            "How far the wall clock has drifted from the monotonic clock within ten minutes.",
            value=read.clock_skew(),
        )
        yield GaugeMetricFamily(
            "kalends_foreign_holders",
            "ScheduledJobs that another operator, with another Lease, watches too.",
            value=read.foreign_holders() if leads else 0,
        )
        yield GaugeMetricFamily(
            "kalends_agenda_size",
            "ScheduledJobs that wait for an instant.",
            value=read.agenda_size() if leads else 0,
        )
        yield _by("executor", "kalends_runs_active", "Runs that are active.", read.active_runs() if leads else {})
        yield _by(
            "executor",
            "kalends_workers_stuck",
            "Threads that a pool has given up at a time limit, and that have not returned.",
            read.stuck_workers(),
        )
        yield _by(
            "state", "kalends_scheduled_jobs", "ScheduledJobs that there are.", read.scheduled_jobs() if leads else {}
        )


def _by(label: str, name: str, text: str, counts: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


class Metrics:
    """The operator's metrics, in a separate registry. It listens to the engine."""

    def __init__(self, executors: Collection[str]) -> None:
        """Take the names of all executors of this operator."""
        self._executors = frozenset(executors)
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
        self._put_off = Counter(
            "kalends_starts_put_off",
            "Starts that were refused for a reason that may pass (quota, permission, admission, no answer); each try "
            "counts.",
            ["executor"],
            registry=into,
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
        self._errors = Counter(
            "kalends_internal_errors", "What Kalends itself did wrong; the log says how.", ["where"], registry=into
        )
        for where in ("resource", "loop"):
            self._errors.labels(where)
        self._odd_jobs = Counter(
            "kalends_odd_jobs",
            "Times that Jobs were found that were not created for a run, or whose identity was changed.",
            ["reason"],
            registry=into,
        )
        for odd in (Reason.UNEXPECTED_JOB, Reason.IDENTITY_CHANGED):
            self._odd_jobs.labels(odd.value)
        self._unreadable = Counter(
            "kalends_unreadable_objects",
            "Objects of the API server that were too large, or nested too deeply, to be read whole.",
            ["resource"],
            registry=into,
        )
        for resource in ("scheduledjobs", "jobs", "pods"):
            self._unreadable.labels(resource)
        self._start_at_zero()
        self._build = Gauge("kalends_build_info", "Always 1.", ["version"], registry=into)
        self._build.labels(version("kalends")).set(1)

    def _start_at_zero(self) -> None:
        """Create the counters that alerts read: Prometheus sees no increase in a series that begins with its value."""
        for verdict in Verdict:
            self._fire_times.labels(verdict.value)
        for executor in self._executors:
            self._put_off.labels(executor)
            for outcome in ENDS:
                self._runs.labels(executor, outcome.value)

    def read_from(self, readings: ScrapedValues) -> None:
        """Say where gauges are read."""
        self.registry.register(Gauges(replace(readings, active_runs=lambda: self._by_known(readings.active_runs()))))

    def _by_known(self, runs: Mapping[str, int]) -> Mapping[str, int]:
        counts: Counts[str] = Counts()
        for executor, count in runs.items():
            counts[self._known(executor)] += count
        return counts

    def _known(self, executor: str) -> str:
        return executor if executor in self._executors else UNKNOWN

    def notice(self, notice: Notice) -> None:
        """Count what the engine has decided and recorded."""
        match notice:
            case Decided(verdict=verdict, count=count):
                self._fire_times.labels(verdict.value).inc(count)
                if verdict is Verdict.STARTED:
                    self._delay.observe(notice.delay)
            case Ended(report=report, executor=executor):
                self._runs.labels(self._known(executor), report.outcome.value).inc()
                self._durations.labels(self._known(executor)).observe(max(0, report.completed - report.started))
            case StartPutOff(executor=executor):
                self._put_off.labels(self._known(executor)).inc()
            case JobAnomaly(reason=reason):
                self._odd_jobs.labels(reason.value).inc()
            case ReadinessChanged(reason=Reason.INTERNAL_ERROR):
                self._errors.labels("resource").inc()
            case _:
                return

    def loop_failed(self) -> None:
        """Count a failure of the engine's loop itself, which then starts again."""
        self._errors.labels("loop").inc()

    def request(self, verb: str, resource: str, code: int, seconds: float) -> None:
        """Count one request to the API server."""
        self._requests.labels(verb, resource, str(code)).observe(seconds)

    def unreadable(self, resource: str) -> None:
        """Count an object that was read in part only, or not at all."""
        self._unreadable.labels(resource).inc()

    def page(self) -> bytes:
        """Return all of it, in Prometheus' text format."""
        return generate_latest(self.registry)
