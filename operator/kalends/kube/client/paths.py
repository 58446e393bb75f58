"""Where resources live on the API server, and which resource a path is about."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from kalends.model.values import GROUP, PLURAL, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of resource: ``Resource("batch", "v1", "jobs")``; the core group is the empty string."""

    group: str
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """Return what manifests call it: ``batch/v1``, or ``v1`` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def collection(self, namespace: str | None = None) -> str:
        """Return the path of all of them, in one namespace or everywhere."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{root}/namespaces/{_segment(namespace)}/{self.plural}" if namespace else f"{root}/{self.plural}"

    def named(self, namespace: str | None, name: str, subresource: str | None = None) -> str:
        """Return the path of one of them, or of a subresource such as ``status``."""
        path = f"{self.collection(namespace)}/{_segment(name)}"
        return f"{path}/{subresource}" if subresource else path


def _segment(name: str) -> str:
    """Return a name as one segment of a path: a slash, a question mark or a dot segment in it changes no other part.

    Names of objects may come from a status that a user edited.
    """
    quoted = quote(name, safe="")
    return quoted.replace(".", "%2E") if quoted in {".", ".."} else quoted


SCHEDULED_JOBS = Resource(GROUP, VERSION, PLURAL)
JOBS = Resource("batch", "v1", "jobs")
PODS = Resource("", "v1", "pods")
EVENTS = Resource("events.k8s.io", "v1", "events")
CUSTOM_RESOURCE_DEFINITIONS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
LEASES = Resource("coordination.k8s.io", "v1", "leases")


def resource_name(collection: str) -> str:
    """Return the resource of a collection, as ``kubectl auth can-i`` takes it: ``jobs.batch``, ``pods``."""
    parts = collection.split("/")
    return parts[-1] if parts[1] == "api" else f"{parts[-1]}.{parts[2]}"


def item_path(collection: str, namespace: str | None, name: str) -> str:
    """Return the path of an object of a collection, which may be that of all namespaces."""
    if namespace is None or "/namespaces/" in collection:
        return f"{collection}/{_segment(name)}"
    root, _, plural = collection.rpartition("/")
    return f"{root}/namespaces/{_segment(namespace)}/{plural}/{_segment(name)}"


def namespace_in(path: str) -> str:
    """Return the namespace that a path names, or an empty string."""
    _, _, rest = path.partition("/namespaces/")
    return rest.partition("/")[0]


def resource_label(path: str) -> str:
    """Return the resource that a path is about, for metrics: ``jobs``, ``scheduledjobs/status``, or ``other``.

    It never contains the name of an object or a namespace, so that there are few of them.
    """
    parts = path.split("/")
    # "/api/v1/…" has two words before the resource, "/apis/batch/v1/…" three.
    rest = parts[3:] if path.startswith("/api/") else parts[4:]
    if len(rest) > 2 and rest[0] == "namespaces":  # noqa: PLR2004 - namespaces/<name>/<resource>
        rest = rest[2:]
    if not rest:
        return "other"
    subresource = rest[2:3]
    return f"{rest[0]}/{subresource[0]}" if subresource else rest[0]
