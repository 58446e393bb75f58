"""What stands behind Jobs in a cluster: their controller, the nodes that run pods, the garbage collector."""

from __future__ import annotations

from typing import Any

from kube.fake_objects import Object, Refused, Write
from simulation.behaviour import Behaviour
from simulation.bodies import Bodies, Body, End, Kind
from simulation.chance import Chance
from simulation.instants import fire_time_of, is_ours, rfc3339
from simulation.loop import SimulatedLoop
from simulation.server import JOBS, NAMESPACE, PODS, SCHEDULED_JOBS, Server

LOOK_AGAIN = 1.0


class Nodes:
    """Carries Jobs out."""

    def __init__(
        self, server: Server, loop: SimulatedLoop, chance: Chance, bodies: Bodies, behaviour: Behaviour, epoch: float
    ) -> None:
        self._server = server
        self._loop = loop
        self._chance = chance
        self._bodies = bodies
        self._behaviour = behaviour
        self._epoch = epoch
        self._by_pod: dict[str, Body] = {}
        self._collecting = False
        server.listeners.append(self._written)

    def _written(self, _writer: str, write: Write) -> None:
        if write.collection == JOBS and write.kind == "ADDED" and is_ours(write.after):
            queued = write.after["spec"].get("suspend")
            begin, longest = (self._admit, 4.0) if queued else (self._make_pod, 1.0)
            self._loop.later(self._chance.between(0.02, longest), begin, write.after["metadata"]["uid"])
        if write.collection == PODS and write.kind == "DELETED":
            body = self._by_pod.get(write.after["metadata"]["uid"])
            if body is not None:
                self._bodies.leave(body, End.KILLED)
        if write.kind == "DELETED" or "deletionTimestamp" in write.after["metadata"] or self._lacks_owner(write):
            self._collect_soon()

    def _lacks_owner(self, write: Write) -> bool:
        """Return whether a Job is created after its owner is gone: its request was on its way."""
        if write.collection != JOBS or write.kind != "ADDED":
            return False
        references = write.after["metadata"].get("ownerReferences") or ()
        owners = {one["metadata"]["uid"] for one in self._server.all(SCHEDULED_JOBS)}
        return bool(references) and not any(one["uid"] in owners for one in references)

    # -- the garbage collector

    def _collect_soon(self) -> None:
        if not self._collecting:
            self._collecting = True
            self._loop.later(self._chance.between(0.1, 3.0), self._collect)

    def _collect(self) -> None:
        self._collecting = False
        try:
            self._server.objects.collect_garbage()
        except Refused:  # what it was about to tidy up was garbage itself
            self._collect_soon()

    # -- the queue

    def _admit(self, job_uid: str) -> None:
        """Let a suspended Job start, unless there is no room for it yet."""
        job = self._job(job_uid)
        if job is None:
            return
        meta = job["metadata"]
        if self._behaviour.act(int(meta["annotations"]["simulation/life"]), meta["name"]).pends:
            self._loop.later(LOOK_AGAIN, self._admit, job_uid)
            return
        self._server.patch(JOBS, meta["name"], {"spec": {"suspend": False}})
        self._loop.later(self._chance.between(0.02, 1.0), self._make_pod, job_uid)

    # -- the Job controller and the kubelet

    def _job(self, uid: str) -> Object | None:
        """Return a Job that is still to be carried out."""
        for job in self._server.all(JOBS):
            if job["metadata"]["uid"] == uid:
                ended = job.get("status", {}).get("conditions")
                return None if ended or "deletionTimestamp" in job["metadata"] else job
        return None

    def _make_pod(self, job_uid: str) -> None:
        job = self._job(job_uid)
        if job is None:
            return
        template = job["spec"]["template"]
        meta = job["metadata"]
        pod = self._server.objects.create(
            PODS,
            NAMESPACE,
            {
                "metadata": {
                    "generateName": f"{meta['name']}-",
                    "labels": template.get("metadata", {}).get("labels", {}),
                    "ownerReferences": [
                        {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": job_uid}
                        | {"controller": True, "blockOwnerDeletion": True}
                    ],
                },
                "spec": template["spec"],
            },
        )
        name = pod["metadata"]["name"]
        self._server.patch(JOBS, meta["name"], {"status": {"startTime": self._now(), "active": 1}}, "status")
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        self._tell_pod(name, "Pending", waiting)
        self._loop.later(self._chance.between(0.02, 1.0), self._start_pod, job_uid, name)

    def _start_pod(self, job_uid: str, pod_name: str) -> None:
        job, pod = self._job(job_uid), self._server.find(PODS, pod_name)
        if job is None or pod is None:
            return
        annotations = job["metadata"]["annotations"]
        life, version = int(annotations["simulation/life"]), int(annotations["simulation/version"])
        act = self._behaviour.act(life, job["metadata"]["name"])
        if act.pends:
            self._tell_pod(pod_name, "Pending", {"waiting": {"reason": "ImagePullBackOff"}})
            self._loop.later(LOOK_AGAIN, self._start_pod, job_uid, pod_name)
            return
        body = Body(
            life,
            version,
            job["metadata"]["name"],
            fire_time_of(job),
            int(annotations.get("kalends.dev/attempt", "1")),
            Kind.POD,
            None,
            job_uid,
            self._loop.time(),
        )
        self._by_pod[pod["metadata"]["uid"]] = body
        self._bodies.enter(body)
        self._tell_pod(pod_name, "Running", {"running": {"startedAt": self._now()}})
        self._server.patch(JOBS, body.name, {"status": {"ready": 1}}, "status")
        self._loop.later(act.seconds, self._end_pod, job_uid, pod_name, body)

    def _end_pod(self, job_uid: str, pod_name: str, body: Body) -> None:
        if body.end is not None:
            return
        act = self._behaviour.act(body.life, body.name)
        if act.hangs:
            self._loop.later(LOOK_AGAIN, self._end_pod, job_uid, pod_name, body)
            return
        self._bodies.leave(body, End.RAISED if act.fails else End.RETURNED)
        ended = {
            "exitCode": 1 if act.fails else 0,
            "reason": "Error" if act.fails else "Completed",
            "finishedAt": self._now(),
            "message": "" if act.fails else "done",
        }
        self._tell_pod(pod_name, "Failed" if act.fails else "Succeeded", {"terminated": ended})
        self._loop.later(self._chance.between(0.0, 0.5), self._end_job, job_uid, act.fails)

    def _end_job(self, job_uid: str, failed: bool) -> None:
        job = self._job(job_uid)
        if job is None:
            return
        now = self._now()
        kind, reason = ("Failed", "BackoffLimitExceeded") if failed else ("Complete", "CompletionsReached")
        status: dict[str, Any] = {
            "active": None,
            "ready": None,
            "failed" if failed else "succeeded": 1,
            "conditions": [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now}],
        }
        if not failed:
            status["completionTime"] = now
        self._server.patch(JOBS, job["metadata"]["name"], {"status": status}, "status")

    def _tell_pod(self, name: str, phase: str, state: dict[str, Any]) -> None:
        status = {"phase": phase, "containerStatuses": [{"name": "main", "state": state}]}
        self._server.patch(PODS, name, {"status": status}, "status")

    def _now(self) -> str:
        return rfc3339(self._epoch + self._loop.time())
