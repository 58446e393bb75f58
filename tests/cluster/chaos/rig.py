"""One namespace, its operator, and everything that an audit of it needs to know, written down as it happens."""

from __future__ import annotations

import copy
import http.client
import json
import math
import os
import random
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from cluster.audit import Act, Dossier, Fault, Patience, Verdict, examine
from cluster.audit.dossier import executions_in
from cluster.audit.fire_times import instant_of
from cluster.chaos.job_watch import JobWatch
from cluster.operator_process import OperatorProcess
from devcluster import Cluster
from devcluster.api import Api
from devcluster.waiting import NotInTime, eventually
from unclean import Unclean

Json = dict[str, Any]
TESTS = Path(__file__).parents[2]
RUN_REQUESTED = "kalends.dev/run-requested"
MINE = "audited"
"""The label of what a rig applies."""
EXECUTORS = {"default": {"workers": 20}, "processes": {"kind": "processes", "workers": 3}}


class Rig:
    """Acts on ScheduledJobs and on their operator, remembers when, and has it all audited."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        folder: Path,
        *,
        operators_kubeconfig: Path | None = None,
        executors: Mapping[str, Any] = EXECUTORS,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.api = Api(kubeconfig)
        self.namespace = namespace
        self.folder = folder
        self.ledger = folder / "ledger.jsonl"
        self.acts: list[Act] = []
        self.faults: list[Fault] = []
        self.jobs = JobWatch(kubeconfig, namespace)
        self.operator = self.new_operator(operators_kubeconfig or kubeconfig, executors, environ or {})
        self.clock_offset = 0.0
        """Seconds that the operator's clock is ahead of the tests' clock."""

    def new_operator(
        self, kubeconfig: Path, executors: Mapping[str, Any], environ: Mapping[str, str], name: str = "operator"
    ) -> OperatorProcess:
        """Return an operator whose tasks write to this rig's ledger."""
        path = os.environ.get("PYTHONPATH")
        return OperatorProcess(
            kubeconfig,
            self.folder / f"{name}.log",
            namespaces=(self.namespace,),
            environ={
                "PYTHONPATH": f"{TESTS}{os.pathsep}{path}" if path else str(TESTS),
                "AUDIT_LEDGER": str(self.ledger),
                "KALENDS_TASK_MODULES": '["cluster.chaos.ledger"]',
                "KALENDS_EXECUTORS": json.dumps(executors),
                "KALENDS_DRAIN_SECONDS": "5",
                **environ,
            },
        )

    def __enter__(self) -> Self:
        self.jobs.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.kill()
        self.jobs.__exit__()
        self.api.close()

    # -- what users do

    def path(self, name: str = "") -> str:
        """Return the path of the ScheduledJobs of this namespace, or of one of them."""
        base = f"/apis/kalends.dev/v1alpha1/namespaces/{self.namespace}/scheduledjobs"
        return f"{base}/{name}" if name else base

    def apply(self, *manifests: Json) -> None:
        """Create ScheduledJobs."""
        for manifest in manifests:
            metadata = {**manifest["metadata"], "labels": {**manifest["metadata"].get("labels", {}), MINE: "true"}}
            at = time.time()
            self._note("apply", at, self.api.create(self.path(), {**manifest, "metadata": metadata}))

    def edit(self, name: str, **fields: Any) -> None:
        """Change fields of a spec; None takes one away."""
        at = time.time()
        status, answer = self.api.patch(self.path(name), {"spec": fields})
        assert status == 200, answer
        self._note("edit", at, answer)

    def delete(self, name: str) -> None:
        """Delete a ScheduledJob, and wait until it is gone, so that its name is free.

        The very version is deleted that was read: so it is known what had been decided by then.
        """
        at = time.time()
        while True:
            found = self.api.get(self.path(name))
            very = {"uid": found["metadata"]["uid"], "resourceVersion": found["metadata"]["resourceVersion"]}
            options = {"propagationPolicy": "Background", "preconditions": very}
            status, answer = self.api.request("DELETE", self.path(name), options)
            if status != 409:
                break
        assert status == 200, answer
        eventually(lambda: self.api.request("GET", self.path(name))[0] == 404)
        self._note("delete", at, found)

    def request(self, name: str, token: str) -> None:
        """Request a run."""
        at = time.time()
        status, answer = self.api.patch(self.path(name), {"metadata": {"annotations": {RUN_REQUESTED: token}}})
        assert status == 200, answer
        self._note("request", at, answer, token)

    def _note(self, what: str, at: float, answer: Json, token: str = "") -> None:
        meta, status = answer["metadata"], answer.get("status") or {}
        cursor = status.get("decidedUntilTime")
        self.acts.append(
            Act(
                what=what,
                at=at,
                done=time.time(),
                namespace=meta["namespace"],
                name=meta["name"],
                uid=meta["uid"],
                created=instant_of(meta["creationTimestamp"]),
                spec=copy.deepcopy(answer["spec"]),
                cursor=None if cursor is None else instant_of(cursor),
                queued=(status.get("counts") or {}).get("queued", 0),
                request=token,
                generation=meta["generation"],
                observed=status.get("observedGeneration", 0),
            )
        )

    # -- what happens to the operator

    def alter(self, **environ: str) -> None:
        """Start an altered operator from now on (``altered.py``), told so by its environment."""
        process = self.operator.process
        if "cluster.chaos.altered" not in process.command:
            process.command[:1] = [sys.executable, "-m", "cluster.chaos.altered"]
        self.operator.environ |= environ

    def start(self, *, wait: bool = True) -> None:
        """Start the operator; the last kill is over once it is ready."""
        if wait:
            self.operator.start()
        else:
            self.operator.process.start(environ=self.operator.environ)
        if self.faults and self.faults[-1].what == "kill" and math.isinf(self.faults[-1].until):
            self.faults[-1] = replace(self.faults[-1], until=time.time())

    def kill(self) -> None:
        """End the operator as a lost node would."""
        self.operator.kill()
        self.died()

    def died(self) -> None:
        """Note that the operator has ended without a word."""
        self.faults.append(Fault("kill", time.time(), math.inf))

    def hindered(self, what: str, at: float) -> None:
        """Note a hindrance that has just ended."""
        self.faults.append(Fault(what, at, time.time()))

    # -- how it ends

    def resources(self) -> list[Json]:
        """Return the ScheduledJobs that were applied here, as they now are; what else there is does not count.

        Raises:
            AssertionError: The API server does not answer now, so that a caller that waits continues to wait.
        """
        try:
            return self.api.items(f"{self.path()}?labelSelector={MINE}")
        except (OSError, http.client.HTTPException) as error:
            raise AssertionError(f"no answer: {error!r}") from error

    def statuses(self) -> dict[str, Json]:
        """Return the status of every ScheduledJob, by name."""
        return {one["metadata"]["name"]: one.get("status") or {} for one in self.resources()}

    def counts(self, name: str) -> Mapping[str, int]:
        """Return the counts of one ScheduledJob; none yet is no counts."""
        found: Mapping[str, int] = self.api.get(self.path(name)).get("status", {}).get("counts") or {}
        return found

    def quiet_down(self, within: float = 120.0) -> None:
        """Suspend every ScheduledJob, and wait until all runs have ended and are recorded."""
        for one in eventually(self.resources):
            if not one["spec"].get("suspend"):
                eventually(partial(self._suspend, one["metadata"]["name"]), every=1.0)

        def all_is_over() -> bool:
            return all(is_over(one) for one in self.resources())

        try:
            eventually(all_is_over, within=within, every=0.5)
        except NotInTime:
            return  # the audit says what is stuck

    def _suspend(self, name: str) -> bool:
        try:
            self.edit(name, suspend=True)
        except OSError as error:  # a machine that is too crowded to answer within half a minute
            raise AssertionError(f"no answer: {error!r}") from error
        return True

    def dossier(self) -> Dossier:
        """Return, and keep, the evidence up to now."""
        final = eventually(self.resources)
        at = time.time()
        time.sleep(0.5)  # what the API server has told by now reaches the watch
        found = Dossier(
            acts=self.acts,
            faults=self.faults,
            executions=executions_in(self.ledger),
            jobs=self.jobs.jobs(),
            final=final,
            at=at,
            jobs_watched=not self.jobs.interrupted,
            clock_offset=self.clock_offset,
        )
        found.save(self.folder / "dossier")
        return found

    def audit(self, patience: Patience | None = None) -> Verdict:
        """Let all end, and return what an auditor says."""
        self.quiet_down()
        return examine(self.dossier(), patience)

    def assert_clean(self, patience: Patience | None = None) -> Verdict:
        """Let all end, and insist on a clean audit."""
        verdict = self.audit(patience)
        if not verdict.is_clean:
            raise Unclean(f"{verdict}\n\nthe dossier is {self.folder / 'dossier'}")
        print(f"{self.namespace}: {verdict}")
        return verdict


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """Yield the name of a new namespace in which pods can be made: for tests that want several."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    account = ("get", "serviceaccount", "default", "--namespace", name)
    try:
        eventually(lambda: cluster.kubectl(*account, check=False).returncode == 0)
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false", check=False)


def together(*works: Callable[[], None]) -> None:
    """Do several things at once, and raise what went wrong with the first of them that failed."""
    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(work) for work in works]:
            future.result()


def is_over(resource: Json) -> bool:
    """Return whether a suspended ScheduledJob has nothing left to do, and says so."""
    status = resource.get("status") or {}
    counts = status.get("counts") or {}
    seen = status.get("observedGeneration") == resource["metadata"]["generation"]
    asked = (resource["metadata"].get("annotations") or {}).get(RUN_REQUESTED)
    handled = asked is None or asked in (status.get("handledRequests") or ())
    return seen and handled and not counts.get("active") and not counts.get("queued")


def shuffled(things: Iterable[Any], chance: random.Random) -> list[Any]:
    """Return them in another order."""
    found = list(things)
    chance.shuffle(found)
    return found
