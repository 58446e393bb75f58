"""Every Job that there ever was in a namespace, seen by a watch of the tests' own."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from cluster.audit import SeenJob
from cluster.audit.fire_times import instant_of
from devcluster.api import Api

SECONDS_A_WATCH = 5


class JobWatch:
    """Lists and watches until it is closed; an API server that goes away is waited for."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._api = Api(kubeconfig)
        self._path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._seen: dict[str, SeenJob] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="watch of Jobs", daemon=True)
        self.interrupted = False
        """Whether there was a time in which a Job could have come and gone unseen."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=SECONDS_A_WATCH + 10)
        self._api.close()

    def jobs(self) -> Sequence[SeenJob]:
        """Return all of them, each as it was last seen."""
        return sorted(self._seen.values(), key=lambda job: (job.created, job.name))

    def _work(self) -> None:
        version = ""
        listed_before = False
        while not self._stop.is_set():
            try:
                if not version:
                    self.interrupted = self.interrupted or listed_before
                    version, listed_before = self._list(), True
                version = self._watch(version)
            except (OSError, http.client.HTTPException, AssertionError, json.JSONDecodeError):
                # An API server that is away; the version is kept, so nothing is missed unless it is compacted.
                self._stop.wait(0.2)

    def _list(self) -> str:
        found = self._api.get(self._path)
        there = {job["metadata"]["uid"] for job in found["items"]}
        for job in found["items"]:
            self._see(job, "LISTED")
        for uid in self._seen.keys() - there:
            self._seen[uid] = replace(self._seen[uid], deleted=True)
        version: str = found["metadata"]["resourceVersion"]
        return version

    def _watch(self, version: str) -> str:
        query = f"?watch=1&resourceVersion={version}&timeoutSeconds={SECONDS_A_WATCH}&allowWatchBookmarks=true"
        for line in self._api.lines(self._path + query):
            event = json.loads(line)
            if event["type"] == "ERROR":
                return ""
            version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._see(event["object"], event["type"])
        return version

    def _see(self, job: Any, event: str) -> None:
        seen = seen_job(job)
        known = self._seen.get(seen.uid)
        version = int(job["metadata"]["resourceVersion"])
        born = version if event == "ADDED" else known.born_version if known else 0
        gone = version if event == "DELETED" else 0
        # Owner references may be removed from a Job that runs: it was created for its first owner all the same.
        owner = known.owner if known and known.owner else seen.owner
        deleted = event == "DELETED"
        self._seen[seen.uid] = replace(seen, owner=owner, born_version=born, gone_version=gone, deleted=deleted)


def seen_job(job: Any) -> SeenJob:
    """Return what the audit needs to know of a Job."""
    meta, status = job["metadata"], job.get("status") or {}
    notes = meta.get("annotations") or {}
    owner = next((one["uid"] for one in meta.get("ownerReferences") or () if one.get("controller")), "")
    scheduled = notes.get("kalends.dev/scheduled-time")
    ended = {one["type"]: one for one in status.get("conditions") or () if one["status"] == "True"}
    outcome = "ok" if "Complete" in ended else "fail" if "Failed" in ended else ""
    over = ended.get("Complete") or ended.get("Failed")
    return SeenJob(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        owner=owner,
        fire=None if scheduled is None else instant_of(scheduled),
        attempt=int(notes.get("kalends.dev/attempt", "1")),
        request=notes.get("kalends.dev/run-requested", ""),
        created=instant_of(meta["creationTimestamp"]),
        mark=notes.get("audit/mark", ""),
        completed=None if over is None else instant_of(over["lastTransitionTime"]),
        outcome=outcome,
    )
