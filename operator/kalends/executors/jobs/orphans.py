"""Jobs without any controller: only their label and their name assign them to a ScheduledJob.

Such a Job may be a run that was created and not recorded, and whose owner references were removed since. The engine
decides which of them it follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kalends.engine.core.state import Ref
from kalends.engine.ports import JobView
from kalends.executors.jobs.identity import label_of_orphan
from kalends.executors.jobs.run_reports import see_job

Json = Mapping[str, Any]


class Orphans:
    """Jobs without any controller, by the namespace and the name of the ScheduledJob that their label names."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str], dict[str, JobView]] = {}
        self._places: dict[str, tuple[str, str]] = {}
        """Where each Job is filed, by its UID: its label may have been removed since."""

    def __len__(self) -> int:
        return len(self._places)

    def of(self, ref: Ref) -> Sequence[JobView]:
        """Return the Jobs whose label names a resource."""
        return tuple(self._jobs.get((ref.namespace, ref.name), {}).values())

    def job_changed(self, event: str, job: Json) -> None:
        """Receive the current state of a Job that no resource is known to control."""
        meta, label = job["metadata"], label_of_orphan(job)
        self.drop(meta["uid"])
        ref = Ref(meta.get("namespace", ""), label, "")
        seen = see_job(job, ref) if label and event != "DELETED" else None
        if seen is not None:
            place = self._places[seen.uid] = ref.namespace, ref.name
            view = JobView(
                seen.name, seen.fire_time, seen.created, attempt=seen.attempt, request=seen.request, uid=seen.uid
            )
            self._jobs.setdefault(place, {})[seen.uid] = view

    def drop(self, uid: str) -> None:
        """Forget a Job: it is gone, or a resource is known to control it."""
        place = self._places.pop(uid, None)
        if place is not None:
            del self._jobs[place][uid]
            if not self._jobs[place]:
                del self._jobs[place]

    def drop_named(self, ref: Ref, name: str) -> None:
        """Forget the Jobs of a name that was looked for, and is not there."""
        for job in self.of(ref):
            if job.name == name:
                self.drop(job.uid)
