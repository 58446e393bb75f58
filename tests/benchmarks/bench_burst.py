"""A thousand ScheduledJobs due at one instant, against plain POSTs of the same Jobs by 32 connections.

Both sides run on the same API server, one after the other, three times; Jobs are suspended, so that only creation
counts. The bar: the operator's last Job is created within twice the time of the plain POSTs.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from cluster.operator_process import OperatorProcess, job_template, scheduled_job
from devcluster import ControlPlane
from devcluster.api import Api
from devcluster.waiting import eventually
from kalends.engine.core.schedule import JobTemplate
from kalends.engine.core.state import Ref
from kalends.engine.ports import Run
from kalends.executors.jobs.job_manifest import job_body

ROOT = Path(__file__).parents[2]
COUNT = 1000
CONNECTIONS = 32
ROUNDS = 3
BAR = 2.0
LEAD = 60


def parallel(work: Callable[[int], Any], count: int = COUNT) -> None:
    """Do ``work(0)`` to ``work(count - 1)`` over 32 connections."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(count)))


def make_namespace(api: Api, name: str) -> None:
    """Create a namespace."""
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


class Arrivals:
    """When Jobs appear, by the bench's own watch: both sides are measured by the same eyes."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.seen: list[float] = []
        self.done = threading.Event()
        self._path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._version = api.get(f"{self._path}?limit=1")["metadata"]["resourceVersion"]
        self._api = api
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:  # the API server hangs up on watchers that cannot keep pace
            path = f"{self._path}?watch=1&resourceVersion={self._version}&timeoutSeconds=300"
            for line in self._api.lines(path):
                now, event = time.time(), orjson.loads(line)
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "ADDED":
                    self.seen.append(now)
                if len(self.seen) >= COUNT:
                    self.done.set()
                    return


def plain_posts(api: Api, namespace: str) -> float:
    """Return the seconds from the first POST until the last Job has appeared: the very Jobs that the operator makes."""
    make_namespace(api, namespace)
    path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
    owner = api.create(path, scheduled_job("owner", namespace, suspend=True, jobTemplate=job_template(suspended=True)))
    ref = Ref(namespace, "owner", owner["metadata"]["uid"])
    template = JobTemplate({}, {}, job_template(suspended=True)["spec"])
    bodies = [
        job_body(Run(ref, f"job-{n}-1795000000", 1_795_000_000, template, "jobs"), template) for n in range(COUNT)
    ]
    arrivals = Arrivals(api, namespace)
    began = time.time()
    parallel(lambda n: api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", bodies[n]))
    assert arrivals.done.wait(120), f"{len(arrivals.seen)} Jobs seen"
    return arrivals.seen[-1] - began


def operator_burst(api: Api, control_plane: ControlPlane, namespace: str, log: Path) -> float:
    """Return the seconds from the instant that all are due until the last Job has appeared."""
    make_namespace(api, namespace)
    operator = OperatorProcess(control_plane.kubeconfig, log, namespaces=(namespace,))
    operator.start()
    try:
        due = int(time.time()) + LEAD
        at = time.gmtime(due)
        once_a_day = {"cron": {"hour": at.tm_hour, "minute": at.tm_min, "second": at.tm_sec}}
        path = f"/apis/kalends.dev/v1alpha1/namespaces/{namespace}/scheduledjobs"
        template = job_template(suspended=True)
        parallel(
            lambda n: api.create(path, scheduled_job(f"job-{n}", namespace, trigger=once_a_day, jobTemplate=template))
        )
        while not all(one.get("status", {}).get("nextRunTime") for one in api.items(path)):
            time.sleep(0.5)
        assert time.time() < due - 2, "arming took longer than the lead: make LEAD longer"
        arrivals = Arrivals(api, namespace)
        assert arrivals.done.wait(LEAD + 120), operator.process.last_words()
        return arrivals.seen[-1] - due
    finally:
        operator.kill()


def main() -> int:
    """Measure, print the table, and return 1 if the bar is missed."""
    with TemporaryDirectory() as folder, ControlPlane() as control_plane:
        control_plane.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        eventually(lambda: control_plane.kubectl("get", "scheduledjobs", check=False).returncode == 0)
        api = Api(control_plane.kubeconfig)
        plain_posts(api, "warm-up")
        rounds = [
            (
                plain_posts(api, f"plain-{n}"),
                operator_burst(api, control_plane, f"operator-{n}", Path(folder) / f"operator-{n}.log"),
            )
            for n in range(ROUNDS)
        ]
    for plain, operator in rounds:
        print(f"plain POSTs {plain:6.2f} s   operator {operator:6.2f} s   ratio {operator / plain:.2f}")
    ratio = statistics.median(operator / plain for plain, operator in rounds)
    print(f"{COUNT} Jobs due at one instant: {ratio:.2f} times plain POSTs (at most {BAR:g})")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
