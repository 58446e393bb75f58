"""The people of the world: they apply, edit, suspend, resume, delete, make again, and meddle with Jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kalends.conversion.v1alpha1 import RESTORED_ANNOTATION
from kube.fake_objects import Object
from simulation.behaviour import Behaviour
from simulation.chance import Chance
from simulation.instants import is_ours, rfc3339
from simulation.server import JOBS, NAMESPACE, SCHEDULED_JOBS, Server
from simulation.specs import HOW, LIMITS, Spec, draw_how, draw_limits, draw_manner, draw_when, draw_where, what
from simulation.story import Story

NOTHING: Mapping[str, str] = {}
Next = Callable[[str], int | None]


@dataclass(slots=True)
class Manifest:
    """What a user has in a file: one resource, in one of its lives."""

    name: str
    life: int
    where: str
    version: int
    spec: Spec = field(default_factory=dict)


class Users:
    """Everybody who uses kubectl. Their requests arrive at once: what is slow about them nobody can tell."""

    def __init__(
        self, server: Server, story: Story, chance: Chance, behaviour: Behaviour, now: Callable[[], float]
    ) -> None:
        self._server = server
        self._story = story
        self._chance = chance
        self._behaviour = behaviour
        self._now = now
        self._lives = 0
        self._tokens = 0
        self.manifests: dict[str, Manifest] = {}

    def is_there(self, name: str) -> bool:
        """Return whether a resource is there, and not on its way out."""
        found = self._server.find(SCHEDULED_JOBS, name)
        return found is not None and "deletionTimestamp" not in found["metadata"]

    # -- what they do

    def create(self, name: str) -> None:
        """Apply a resource that is not there."""
        if self._server.find(SCHEDULED_JOBS, name) is not None:
            return
        self._lives += 1
        manifest = Manifest(name, self._lives, draw_where(self._chance), 1)
        self._behaviour.manners[manifest.life] = draw_manner(self._chance)
        chance = self._chance
        limits = draw_limits(chance, manifest.where)
        manifest.spec = {**draw_when(chance, self._now()), **draw_how(chance), **limits}
        self.make(manifest)

    def make(self, manifest: Manifest, annotations: Mapping[str, str] = NOTHING) -> None:
        """Create what a manifest says."""
        self.manifests[manifest.name] = manifest
        self._lives = max(self._lives, manifest.life)
        spec = {**manifest.spec, **what(manifest.where, manifest.life, manifest.version)}
        metadata = {"name": manifest.name, "annotations": dict(annotations), **self._managed()}
        if not annotations:
            del metadata["annotations"]
        self._tell(f"creates {manifest.name} (life {manifest.life}): {_shown(spec)}")
        self._server.objects.create(SCHEDULED_JOBS, NAMESPACE, {"metadata": metadata, "spec": spec})

    def edit(self, name: str, changes: Spec, why: str) -> None:
        """Change a spec; None takes a field away."""
        manifest = self.manifests[name]
        found = self._server.find(SCHEDULED_JOBS, name)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return
        manifest.version += 1
        merged = {**manifest.spec, **changes}
        manifest.spec = {field: value for field, value in merged.items() if value is not None}
        spec = {**manifest.spec, **what(manifest.where, manifest.life, manifest.version)}
        self._tell(f"{why} {name} (version {manifest.version}): {_shown(spec)}")
        self._put(found, spec)

    def edit_when(self, name: str) -> None:
        changes: Spec = dict.fromkeys(
            ("schedule", "trigger", "startTime", "endTime", "exclude", "jitterSeconds", "suspend")
        )
        self.edit(name, changes | draw_when(self._chance, self._now()), "edits the schedule of")

    def edit_what(self, name: str) -> None:
        self.edit(name, {}, "edits what is run by")

    def edit_how(self, name: str) -> None:
        changes: Spec = dict.fromkeys(HOW)
        self.edit(name, changes | draw_how(self._chance), "edits the policies of")

    def edit_where(self, name: str) -> None:
        """Let it run elsewhere: as a Job what was a task, or in another pool."""
        manifest = self.manifests[name]
        manifest.where = draw_where(self._chance)
        changes: Spec = dict.fromkeys(LIMITS)
        self.edit(name, changes | draw_limits(self._chance, manifest.where), f"moves to {manifest.where}")

    def spoil(self, name: str) -> None:
        """Make a mistake that only the operator can notice."""
        self.edit(name, {"timeZone": "Nowhere/Land"}, "makes a mistake in")

    def repair(self, name: str) -> None:
        """Take the mistake back."""
        if "timeZone" in self.manifests[name].spec:
            self.edit(name, {"timeZone": None}, "mends")

    def suspend(self, name: str) -> None:
        self.edit(name, {"suspend": True}, "suspends")

    def resume(self, name: str) -> None:
        self.edit(name, {"suspend": None}, "resumes")

    def touch(self, name: str) -> None:
        """Change a label: a new resourceVersion, and nothing else."""
        self._tell(f"labels {name}")
        label = {"metadata": {"labels": {"touched": str(self._now())}}}
        self._server.patch(SCHEDULED_JOBS, name, label)

    def ask_for_a_run(self, name: str, *, again: bool = False) -> None:
        """Set the annotation that asks for a run; now and then to a token that was there before."""
        if not again or not self._tokens:
            self._tokens += 1
        token = f"token-{self._tokens}"
        self._tell(f"asks for a run of {name}: {token}")
        annotation = {"annotations": {"kalends.dev/run-requested": token}}
        found = self._server.find(SCHEDULED_JOBS, name)
        if found is None:
            return
        known = _entries(found, of_spec=True)
        owned: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:kalends.dev/run-requested": {}}}}
        managed = {"managedFields": [*known, self._wrote(owned)]}
        self._server.patch(SCHEDULED_JOBS, name, {"metadata": {**annotation, **managed}})

    def delete(self, name: str) -> None:
        propagation = "Foreground" if self._chance.happens(0.2) else "Background"
        self._tell(f"deletes {name} ({propagation})")
        self._server.delete(SCHEDULED_JOBS, name, propagation)

    def recreate(self, name: str) -> None:
        """Delete, and make another one of the same name at once."""
        self._tell(f"deletes {name}, to make it again")
        self._server.delete(SCHEDULED_JOBS, name)
        self.create(name)

    def restore(self, name: str, *, marked: bool) -> None:
        """Delete, and create again from a backup without its status; ``marked`` as the documentation says."""
        found = self._server.find(SCHEDULED_JOBS, name)
        if found is None:
            return
        annotations = dict(found["metadata"].get("annotations") or {})
        self._server.delete(SCHEDULED_JOBS, name)
        if self._server.find(SCHEDULED_JOBS, name) is not None:
            return  # it was deleted in the foreground before, and is not gone yet
        before = self.manifests[name]
        self._lives += 1
        self._behaviour.manners[self._lives] = self._behaviour.manners[before.life]
        marks = {RESTORED_ANNOTATION: "true"} if marked else {}
        self._tell(f"restores {name} from a backup{' that is marked' if marked else ''}")
        self.make(Manifest(name, self._lives, before.where, 1, dict(before.spec)), annotations | marks)

    def delete_a_job(self) -> None:
        jobs = [job for job in self._server.all(JOBS) if is_ours(job)]
        if jobs:
            name = self._chance.pick(jobs)["metadata"]["name"]
            propagation = "Foreground" if self._chance.happens(0.5) else "Background"
            self._tell(f"deletes the Job {name} by hand ({propagation})")
            self._server.delete(JOBS, name, propagation)

    def strip_owners(self, job: str, *, label: bool = False) -> None:
        """Remove the owner references of a Job, as tools do that restore or move objects; and its labels too."""
        self._tell(f"removes the owner references of {job}")
        labels = {"labels": None} if label else {}
        self._server.patch(JOBS, job, {"metadata": {"ownerReferences": None, **labels}})

    def take_a_name(self, job: str) -> None:
        """Make a Job under a name that the operator will want."""
        if self._server.find(JOBS, job) is None:
            self._tell(f"makes a Job of its own named {job}")
            self._server.objects.create(JOBS, NAMESPACE, {"metadata": {"name": job}, "spec": {}})

    # -- how

    def _put(self, found: Object, spec: Spec) -> None:
        metadata = {**found["metadata"], **self._managed(_entries(found, of_spec=False))}
        new: dict[str, Any] = {"metadata": metadata, "spec": spec}
        self._server.objects.replace(SCHEDULED_JOBS, NAMESPACE, found["metadata"]["name"], new, None)

    def _managed(self, others: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Return the API server's bookkeeping of who last wrote the spec, beside what others wrote."""
        return {"managedFields": [self._wrote({"f:spec": {}}), *others]}

    def _wrote(self, fields: dict[str, Any]) -> dict[str, Any]:
        entry = {"manager": "kubectl", "operation": "Update", "time": rfc3339(self._now())}
        return entry | {"fieldsType": "FieldsV1", "fieldsV1": fields}

    def _tell(self, what_: str) -> None:
        self._story.tell("user", what_)


def _entries(found: Object, *, of_spec: bool) -> list[dict[str, Any]]:
    return [one for one in found["metadata"].get("managedFields", ()) if ("f:spec" in one["fieldsV1"]) is of_spec]


def _shown(spec: Spec) -> str:
    """Return what matters of a spec, on one line."""
    shown = {field: value for field, value in spec.items() if field not in {"jobTemplate", "task"}}
    if "jobTemplate" in spec:
        shown["jobTemplate"] = "…"
    return ", ".join(f"{field}={value}" for field, value in shown.items())
