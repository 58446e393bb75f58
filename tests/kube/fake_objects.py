"""What an API server keeps, in memory: versions, preconditions, finalizers, and the history that watches read.

Everything here is synchronous and deterministic. Objects are never altered in place, so that the history, and whoever
was given an object, keep what they saw.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from kube.fake_rules import refusal

Object = dict[str, Any]
Key = tuple[str, str]

WITH_STATUS = frozenset({"scheduledjobs", "jobs", "pods"})
WITH_GENERATION = frozenset({"scheduledjobs", "jobs", "customresourcedefinitions"})
KINDS = {
    "scheduledjobs": "ScheduledJob",
    "jobs": "Job",
    "pods": "Pod",
    "events": "Event",
    "leases": "Lease",
    "configmaps": "ConfigMap",
    "namespaces": "Namespace",
}
SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp")


class Refused(Exception):
    """The server says no, with an HTTP status and a reason."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


@dataclass(frozen=True, slots=True)
class Collection:
    """A resource in all namespaces: ``("batch/v1", "jobs")``."""

    api_version: str
    plural: str

    @property
    def kind(self) -> str:
        return KINDS.get(self.plural, self.plural.removesuffix("s").capitalize())


@dataclass(frozen=True, slots=True)
class Write:
    """One entry of the history: an object before and after; ``after`` of a deletion is its last state."""

    version: int
    collection: Collection
    kind: str
    before: Object | None
    after: Object


class Objects:
    """All objects of a cluster."""

    def __init__(self, now: Callable[[], float], random: Random) -> None:
        self.version = 1000
        self.oldest_known = 0
        self.history: list[Write] = []
        self.drops: frozenset[str] = frozenset()
        """Fields of a ScheduledJob's status that an older CRD does not have; ``counts.queued`` is one of counts.

        As in the real server, they are missing in what is shown, and lost when the object is written.
        """
        self.is_strict = True
        """Whether a strict patch that names one of them is refused."""
        self.serves_status = True
        self.on_write: Callable[[], None] = lambda: None
        self.admit: Callable[[Collection, Object], Object] = lambda _, given: given
        """What mutating admission makes of an object that is being created."""
        self.now = now
        self.random = random
        self._objects: dict[Collection, dict[Key, Object]] = {}

    def list(self, collection: Collection, namespace: str | None) -> list[Object]:
        """Return the objects in the order in which the server lists them."""
        kept = self._objects.get(collection, {})
        return [self.shown(kept[key]) for key in sorted(kept) if namespace is None or key[0] == namespace]

    def get(self, collection: Collection, namespace: str, name: str) -> Object:
        try:
            return self.shown(self._objects[collection][namespace, name])
        except KeyError:
            raise Refused(404, "NotFound", f'{collection.plural} "{name}" not found') from None

    def shown(self, kept: Object) -> Object:
        """Return an object without the fields that its CRD does not have."""
        if not self.drops or kept.get("kind") != "ScheduledJob" or "status" not in kept:
            return kept
        return {**kept, "status": _without(kept["status"], self.drops)}

    def insist(self, patch: Object) -> None:
        """Refuse a patch that names fields which the CRD does not have."""
        lost = [] if not self.is_strict else list(_dropped(patch.get("status"), self.drops))
        if lost:
            fields = ", ".join(f'unknown field "status.{field}"' for field in lost)
            message = f' "" is invalid: patch: Invalid value: "{{}}": strict decoding error: {fields}'
            raise Refused(422, "Invalid", message)

    def create(self, collection: Collection, namespace: str, given: Object, *, dry_run: bool = False) -> Object:
        given = self.admit(collection, given)
        metadata = {**given.get("metadata", {})}
        if "name" not in metadata and "generateName" in metadata:
            metadata["name"] = metadata["generateName"] + f"{self.random.getrandbits(20):05x}"
        name = metadata.get("name", "")
        if (namespace, name) in self._objects.get(collection, {}):
            raise Refused(409, "AlreadyExists", f'{collection.plural} "{name}" already exists')
        if metadata.get("namespace", namespace) != namespace:
            raise Refused(400, "BadRequest", "the namespace of the object does not match the namespace of the request")
        metadata |= {
            "namespace": namespace,
            "uid": str(UUID(int=self.random.getrandbits(128), version=4)),
            "creationTimestamp": self._timestamp(),
        }
        if not namespace:
            del metadata["namespace"]
        if collection.plural in WITH_GENERATION:
            metadata["generation"] = 1
        created = {"apiVersion": collection.api_version, "kind": collection.kind, **given, "metadata": metadata}
        if collection.plural in WITH_STATUS:
            created.pop("status", None)
        self._check(collection, None, created)
        return created if dry_run else self._write(collection, "ADDED", None, created)

    def replace(
        self, collection: Collection, namespace: str, name: str, given: Object, subresource: str | None
    ) -> Object:
        """Put ``given`` in the place of an object, or of its status; its resourceVersion, if any, must be current."""
        old = self.get(collection, namespace, name)
        wanted = given.get("metadata", {})
        if wanted.get("resourceVersion") not in {None, "", old["metadata"]["resourceVersion"]}:
            raise Refused(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {collection.plural} "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
            )
        # The real server ignores all metadata but the version in a write to a custom resource's status.
        is_custom_status = subresource == "status" and collection.plural == "scheduledjobs"
        if wanted.get("uid") not in {None, "", old["metadata"]["uid"]} and not is_custom_status:
            raise Refused(422, "Invalid", f'{collection.kind} "{name}" is invalid: metadata.uid: field is immutable')
        if subresource == "status":
            if not self.serves_status:
                raise Refused(404, "NotFound", "the server could not find the requested resource")
            new = {**old, "status": _without(given.get("status"), self.drops)}
        else:
            kept = {field: old["metadata"][field] for field in SERVERS_OWN if field in old["metadata"]}
            metadata = {**wanted, **kept, "name": name}
            new = {**given, "apiVersion": old["apiVersion"], "kind": old["kind"], "metadata": metadata}
            if collection.plural in WITH_STATUS:
                new["status"] = old.get("status")
        if new.get("status") is None:
            new.pop("status", None)
        if new == old:
            return old
        if collection.plural in WITH_GENERATION and new.get("spec") != old.get("spec"):
            new["metadata"] = {**new["metadata"], "generation": old["metadata"]["generation"] + 1}
        self._check(collection, old, new)
        if "deletionTimestamp" in new["metadata"] and not new["metadata"].get("finalizers"):
            return self._remove(collection, old, new)
        return self._write(collection, "MODIFIED", old, new)

    def merge_patch(
        self, collection: Collection, namespace: str, name: str, patch: Object, subresource: str | None
    ) -> Object:
        merged = merge(self.get(collection, namespace, name), patch)
        return self.replace(collection, namespace, name, merged, subresource)

    def delete(self, collection: Collection, namespace: str, name: str, options: Object) -> Object:
        old = self.get(collection, namespace, name)
        for field, expected in options.get("preconditions", {}).items():
            if old["metadata"][field] != expected:
                raise Refused(409, "Conflict", f"Precondition failed: {field} is {old['metadata'][field]}")
        finalizers = list(old["metadata"].get("finalizers", ()))
        if options.get("propagationPolicy") == "Foreground" and "foregroundDeletion" not in finalizers:
            finalizers.append("foregroundDeletion")
        if options.get("propagationPolicy") == "Orphan":
            self._orphan_children(old)
        if not finalizers:
            return self._remove(collection, old, old)
        metadata = {"deletionTimestamp": self._timestamp(), **old["metadata"], "finalizers": finalizers}
        if metadata == old["metadata"]:
            return old
        return self._write(collection, "MODIFIED", old, {**old, "metadata": metadata})

    def collect_garbage(self) -> int:
        """Do what the garbage collector does sooner or later; return how many objects it removed."""
        removed = 0
        owners = {kept["metadata"]["uid"] for _, kept in self._everything()}
        for collection, kept in list(self._everything()):
            references = kept["metadata"].get("ownerReferences") or ()
            if references and not any(reference["uid"] in owners for reference in references):
                self._remove(collection, kept, kept)
                removed += 1
        for collection, kept in list(self._everything()):
            finalizers = kept["metadata"].get("finalizers") or []
            if "deletionTimestamp" in kept["metadata"] and "foregroundDeletion" in finalizers:
                for child_collection, child in list(self._children(kept)):
                    self._remove(child_collection, child, child)
                    removed += 1
                patch = {"metadata": {"finalizers": [word for word in finalizers if word != "foregroundDeletion"]}}
                metadata = kept["metadata"]
                self.merge_patch(collection, metadata.get("namespace", ""), metadata["name"], patch, None)
        return removed

    def compact(self) -> None:
        """Forget the history, as etcd does after five minutes: versions up to now can no longer be watched from."""
        self.oldest_known = self.version
        self.history.clear()

    def restore(self, *, to_version: int) -> None:
        """Start again without objects at an earlier version, as after the restore of an empty backup."""
        self.version = to_version
        self.history.clear()
        self._objects.clear()

    def _everything(self) -> Iterator[tuple[Collection, Object]]:
        for collection, kept in self._objects.items():
            for seen in kept.values():
                yield collection, seen

    def _children(self, owner: Object) -> Iterator[tuple[Collection, Object]]:
        for collection, seen in self._everything():
            for reference in seen["metadata"].get("ownerReferences") or ():
                if reference["uid"] == owner["metadata"]["uid"]:
                    yield collection, seen

    def _orphan_children(self, owner: Object) -> None:
        for collection, child in list(self._children(owner)):
            metadata = child["metadata"]
            left = [each for each in metadata["ownerReferences"] if each["uid"] != owner["metadata"]["uid"]]
            patch = {"metadata": {"ownerReferences": left or None}}
            self.merge_patch(collection, metadata.get("namespace", ""), metadata["name"], patch, None)

    def _check(self, collection: Collection, old: Object | None, new: Object) -> None:
        message = refusal(collection.plural, old, new)
        if message is not None:
            raise Refused(422, "Invalid", f'{collection.kind} "{new["metadata"].get("name")}" is invalid: {message}')

    def _write(self, collection: Collection, kind: str, before: Object | None, after: Object) -> Object:
        self.version += 1
        after = {**after, "metadata": {**after["metadata"], "resourceVersion": str(self.version)}}
        key = (after["metadata"].get("namespace", ""), after["metadata"]["name"])
        kept = self._objects.setdefault(collection, {})
        if kind == "DELETED":
            del kept[key]
        else:
            kept[key] = after
        self.history.append(Write(self.version, collection, kind, before, after))
        self.on_write()
        return after

    def _remove(self, collection: Collection, before: Object, last: Object) -> Object:
        return self._write(collection, "DELETED", before, last)

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(int(self.now()), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merge(target: Any, patch: Any) -> Any:
    """Return what RFC 7386 makes of the two."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _dropped(status: Any, drops: frozenset[str], path: str = "", indexed: str = "") -> Iterator[str]:
    """Yield the names of what is dropped, as the server writes them: ``active[0].holder``."""
    if isinstance(status, list):
        for index, item in enumerate(status):
            yield from _dropped(item, drops, path, f"{indexed.removesuffix('.')}[{index}].")
    elif isinstance(status, dict):
        for name, value in status.items():
            if f"{path}{name}" in drops:
                yield f"{indexed}{name}"
            else:
                yield from _dropped(value, drops, f"{path}{name}.", f"{indexed}{name}.")


def _without(status: Any, drops: frozenset[str], path: str = "") -> Any:
    if isinstance(status, list):
        return [_without(item, drops, path) for item in status]
    if not drops or not isinstance(status, dict):
        return status
    kept = {name: value for name, value in status.items() if f"{path}{name}" not in drops}
    return {name: _without(value, drops, f"{path}{name}.") for name, value in kept.items()}
