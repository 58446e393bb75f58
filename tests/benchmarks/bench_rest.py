"""Ten thousand ScheduledJobs at rest: how soon a starting operator has armed them all, and what it asks for after.

Measured against a bare kopf operator with the same settings, on the same control plane, in turns: the first start
(everything listed, read and on the agenda) within twice the time until kopf has shown as many objects to an empty
handler. Then, for half a minute, no requests but watches: by the operator's own count, and by the API server's.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import ControlPlane
from devcluster.api import Api
from devcluster.processes import SupervisedProcess
from devcluster.waiting import eventually

ROOT = Path(__file__).parents[2]
BARE_KOPF = Path(__file__).with_name("bare_kopf.py")
COUNT = 10_000
CONNECTIONS = 16
ROUNDS = 3
BAR = 2.0
REST_SECONDS = 30
PATIENCE = 300.0
PATH = "/apis/kalends.dev/v1alpha1/namespaces/default/scheduledjobs"
WATCHED = ("scheduledjobs", "jobs", "pods", "events")


@dataclass(frozen=True)
class Start:
    """How one start went: seconds until all were there, of a processor too, and megabytes resident then."""

    seconds: float
    processor: float
    megabytes: float


def manifest(number: int) -> dict[str, Any]:
    """Return a resource whose next run is months away; half of them run a task, half a Job."""
    month = (time.gmtime().tm_mon + 5) % 12 + 1
    schedule = f"{number % 60} {number // 60 % 24} {number % 28 + 1} {month} *"
    target = {"task": {"name": "kalends.echo"}} if number % 2 else {"jobTemplate": job_template()}
    return scheduled_job(f"resting-{number:05}", "default", schedule=schedule, **target)


def child_of(supervisor: SupervisedProcess) -> Path:
    """Return the folder in /proc of the command itself, the child of its supervisor."""
    return Path("/proc") / str(supervisor.pid)


def resident(command: Path) -> float:
    """Return the megabytes that a process holds in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", (command / "status").read_text())
    assert found is not None
    return int(found[1]) / 1000


def processor_seconds(command: Path) -> float:
    """Return how long a process has kept processors busy: on a shared machine the steadier figure."""
    fields = (command / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(process: SupervisedProcess, start: Callable[[], None], done: Callable[[], bool]) -> Start:
    """Start a process, and wait until it is done."""
    began = time.monotonic()
    start()
    while not done():
        assert process.is_running, process.last_words()
        assert time.monotonic() - began < PATIENCE, process.last_words()
        time.sleep(0.05)
    seconds, command = time.monotonic() - began, child_of(process)
    processor = processor_seconds(command)
    time.sleep(1)
    return Start(seconds, processor, resident(command))


def start_bare_kopf(control_plane: ControlPlane, log: Path) -> Start:
    """Return how the bare kopf operator started."""
    process = SupervisedProcess("bare kopf", [sys.executable, BARE_KOPF, str(COUNT)], log)
    environ = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig)}
    try:
        return timed(process, lambda: process.start(environ=environ), lambda: "all were shown" in process.last_words())
    finally:
        process.stop()


def has_armed_all(operator: OperatorProcess) -> bool:
    """Return whether the operator is ready, and has every resource on its agenda."""
    return operator.page("/readyz")[0] == 200 and f"\nkalends_agenda_size {COUNT}.0\n" in operator.page("/metrics")[1]


def start_operator(operator: OperatorProcess) -> Start:
    """Start the operator, leave it running, and return how long its start took."""
    return timed(
        operator.process, lambda: operator.process.start(environ=operator.environ), lambda: has_armed_all(operator)
    )


def asked_of_the_api_server(control_plane: ControlPlane) -> dict[str, int]:
    """Return the requests for our resources that were no watches, by verb and resource, from everybody."""
    found: dict[str, int] = {}
    for line in control_plane.kubectl("get", "--raw", "/metrics").stdout.splitlines():
        if line.startswith("apiserver_request_total{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["resource"] in WATCHED and labels["verb"] != "WATCH":
                key = f"{labels['verb']} {labels['resource']}"
                found[key] = found.get(key, 0) + int(float(line.rsplit(" ", 1)[1]))
    return found


def grown(before: dict[Any, int], after: dict[Any, int]) -> dict[Any, int]:
    """Return what was added."""
    return {key: count - before.get(key, 0) for key, count in after.items() if count != before.get(key, 0)}


def requests_at_rest(control_plane: ControlPlane, operator: OperatorProcess) -> int:
    """Let a running operator rest, and return how many requests it made in the meantime that were no watches."""
    own, asked = operator.requests(), asked_of_the_api_server(control_plane)
    time.sleep(REST_SECONDS)
    own, asked = grown(own, operator.requests()), grown(asked, asked_of_the_api_server(control_plane))
    own = {key: count for key, count in own.items() if key[0].lower() != "watch"}
    print(
        f"{REST_SECONDS} s at rest: requests by the operator {own or 'none'}, seen by the API server {asked or 'none'}"
    )
    return sum(own.values()) + sum(asked.values())


def main() -> int:
    """Measure, print the table, and return 1 if a bar is missed."""
    with TemporaryDirectory() as folder, ControlPlane() as control_plane:
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        eventually(lambda: control_plane.kubectl("get", "scheduledjobs", check=False).returncode == 0)
        api = Api(control_plane.kubeconfig)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda number: api.create(PATH, manifest(number)), range(COUNT)))
        operator = OperatorProcess(control_plane.kubeconfig, Path(folder) / "operator.log")
        first = start_operator(operator)  # this one writes every status; it tells nothing about starting
        print(f"first sight of {COUNT} ScheduledJobs: checked, armed and recorded after {first.seconds:.1f} s")
        operator.stop()
        rounds, asked = [], 0
        for number in range(ROUNDS):
            bare = start_bare_kopf(control_plane, Path(folder) / f"bare-{number}.log")
            rounds.append((bare, start_operator(operator)))
            if number == ROUNDS - 1:
                asked = requests_at_rest(control_plane, operator)
            operator.stop()
    for bare, ours in rounds:
        print(
            f"bare kopf {bare.seconds:5.2f} s, busy {bare.processor:5.2f} s, {bare.megabytes:3.0f} MB   "
            f"operator {ours.seconds:5.2f} s, busy {ours.processor:5.2f} s, {ours.megabytes:3.0f} MB   "
            f"ratio {ours.seconds / bare.seconds:.2f}, busy {ours.processor / bare.processor:.2f}"
        )
    ratio = statistics.median(ours.seconds / bare.seconds for bare, ours in rounds)
    print(f"{COUNT} ScheduledJobs armed in {ratio:.2f} times the time of a bare kopf operator (at most {BAR:g})")
    return 0 if ratio <= BAR and not asked else 1


if __name__ == "__main__":
    sys.exit(main())
