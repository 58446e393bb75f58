"""An API server in memory, behind the port that the client talks through.

It has resourceVersions and conflicts, generation and the status subresource, merge-patches, pages, watches with
bookmarks and 410, finalizers and garbage, and injects the requested faults (``faults``, ``FakeConnection.cut``). It
runs in the caller's event loop, without threads or sockets; its time is the loop's, its randomness is injected.

    api = FakeApi()
    client = ApiClient(api.connect("operator-1"), LoopClock())
"""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import orjson

from kalends.errors import ApiError
from kalends.kube.wire.transport import MERGE_PATCH, METADATA_ONLY, Request, Response
from kube.fake_faults import Fault
from kube.fake_objects import Collection, Object, Objects, Refused, merge
from kube.fake_selectors import Matches, everything, field_selector, label_selector
from kube.fake_watch import FakeStream, Watch

NO_LATENCY = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a path is about."""

    collection: Collection
    namespace: str | None
    name: str | None
    subresource: str | None


class FakeApi:
    """The server: many connections, one set of objects."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = lambda: 1_800_000_000.0,
        random: Random | None = None,
        latency: Callable[[Request], float] = lambda _: NO_LATENCY,
    ) -> None:
        self.objects = Objects(now, random or Random(0))  # noqa: S311 - repeatable, not secret
        self.objects.on_write = self._wake_watches
        self.faults: list[Fault] = []
        self.terminating: set[str] = set()
        """Namespaces that are being deleted: nothing can be created in them."""
        self.forbidden: set[tuple[str, str, str]] = set()
        """Verb, resource and subresource of what reviews of permissions deny."""
        self.requests: list[tuple[str, str, str]] = []
        self.bookmark_period = 60.0
        self.latency = latency
        self._snapshots: dict[str, tuple[int, list[Object]]] = {}
        self._tokens = count(1)
        self._watches: dict[Watch, None] = {}  # in the order in which they began

    def connect(self, client: str = "client") -> "FakeConnection":
        """Return a transport; ``client`` is how faults and ``requests`` name who uses it."""
        return FakeConnection(self, client)

    @property
    def open_watches(self) -> int:
        return len(self._watches)

    def count_of(self, method: str, part_of_path: str = "") -> int:
        """Return how many such requests have arrived."""
        return sum(verb == method and part_of_path in path for _, verb, path in self.requests)

    def end_watches(self, *, broken: bool = False) -> None:
        """End all watches: politely, as a server does that restarts, or by breaking their connections."""
        for watch in list(self._watches):
            watch.end(broken=broken)

    def say_in_watches(self, status: int, reason: str) -> None:
        """Send an ERROR through all watches, and end them."""
        line = {"type": "ERROR", "object": _status(status, reason, reason)}
        for watch in list(self._watches):
            watch.say(line)
            watch.end()

    async def answer(self, client: str, request: Request) -> Response:
        """Carry out a request that is no watch, with everything that can go wrong on the way."""
        fault = await self._arrive(client, request)
        if fault is not None and fault.status is not None:
            return refusal_response(fault.status, fault.reason, fault.reason, fault.headers)
        namespace = parse_path(request.path).namespace or ""
        if request.method == "POST" and namespace in self.terminating:
            return _terminating(namespace)
        try:
            response = Response(*self._carry_out(request))
        except Refused as refused:
            response = refusal_response(refused.status, refused.reason, refused.message)
        if fault is not None:
            await _wait(fault.late_by)
            if fault.lost == "answer":
                raise ApiError(0, "Unreachable", "the connection broke before the answer came")
        return response

    async def open(self, client: str, request: Request) -> tuple[int, Mapping[str, str], Watch | bytes]:
        """Begin a watch; a refusal comes as bytes."""
        fault = await self._arrive(client, request)
        if fault is not None and fault.status is not None:
            return fault.status, fault.headers, refusal_response(fault.status, fault.reason, fault.reason).body
        try:
            watch = self._watch(request)
        except Refused as refused:
            return refused.status, {}, refusal_response(refused.status, refused.reason, refused.message).body
        self._watches[watch] = None
        return 200, {}, watch

    def forget(self, watch: Watch) -> None:
        self._watches.pop(watch, None)

    async def _arrive(self, client: str, request: Request) -> Fault | None:
        fault = next((fault for fault in self.faults if fault.concerns(client, request)), None)
        await _wait(self.latency(request))
        if fault is not None:
            fault.happen()
            await _wait(fault.delay)
            if fault.lost == "request":
                raise ApiError(0, "Unreachable", "the connection broke before the request came")
        self.requests.append((client, request.method, request.path))
        return fault

    def _wake_watches(self) -> None:
        for watch in self._watches:
            watch.wake()

    def _carry_out(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        target = parse_path(request.path)
        body = orjson.loads(request.body) if request.body else {}
        if target.collection.plural == "selfsubjectaccessreviews":
            attributes = body["spec"]["resourceAttributes"]
            words = (attributes["verb"], attributes["resource"], attributes["subresource"])
            return 201, {}, orjson.dumps({**body, "status": {"allowed": words not in self.forbidden}})
        if target.name is None:
            if request.method == "GET":
                return 200, {}, orjson.dumps(self._list(target, request))
            if request.method == "POST":
                dry_run = request.params.get("dryRun") == "All"
                created = self.objects.create(target.collection, target.namespace or "", body, dry_run=dry_run)
                return 201, {}, orjson.dumps(created)
            raise Refused(405, "MethodNotAllowed", f"{request.method} {request.path}")
        return 200, {}, orjson.dumps(self._one(target, request, body))

    def _one(self, target: Target, request: Request, body: Object) -> Object:
        namespace, name = target.namespace or "", target.name or ""
        match request.method:
            case "GET":
                return self.objects.get(target.collection, namespace, name)
            case "PUT":
                return self.objects.replace(target.collection, namespace, name, body, target.subresource)
            case "PATCH" if request.content_type == MERGE_PATCH:
                if request.params.get("fieldValidation") == "Strict":
                    self.objects.insist(body)
                if request.params.get("dryRun") == "All":
                    return self.objects.shown(merge(self.objects.get(target.collection, namespace, name), body))
                return self.objects.merge_patch(target.collection, namespace, name, body, target.subresource)
            case "PATCH":
                raise Refused(415, "UnsupportedMediaType", request.content_type)
            case "DELETE":
                return self.objects.delete(target.collection, namespace, name, body)
        raise Refused(405, "MethodNotAllowed", f"{request.method} {request.path}")

    def _list(self, target: Target, request: Request) -> Object:
        token = request.params.get("continue")
        if token is None:
            matches = _selector(request.params)
            found = [seen for seen in self.objects.list(target.collection, target.namespace) if matches(seen)]
            version = self.objects.version
        else:
            version, found = self._snapshots.pop(token, (-1, []))
            if version < self.objects.oldest_known:
                raise Refused(410, "Expired", "The provided continue parameter is too old")
        limit = int(request.params.get("limit") or len(found) or 1)
        items: list[Object] | None
        items, rest = found[:limit], found[limit:]
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if rest:
            metadata |= {"continue": f"token-{next(self._tokens)}", "remainingItemCount": len(rest)}
            self._snapshots[metadata["continue"]] = (version, rest)
        if request.accept == METADATA_ONLY:
            # As the real server does: an empty list of metadata is null.
            items = [{"metadata": seen["metadata"]} for seen in items] or None
        kind = f"{target.collection.kind}List"
        return {"apiVersion": target.collection.api_version, "kind": kind, "metadata": metadata, "items": items}

    def _watch(self, request: Request) -> Watch:
        target = parse_path(request.path)
        version = int(request.params.get("resourceVersion") or self.objects.version)
        if version < self.objects.oldest_known:
            raise Refused(410, "Expired", f"too old resource version: {version} ({self.objects.oldest_known})")
        seconds = float(request.params.get("timeoutSeconds") or 1800)
        bookmarks = self.bookmark_period if request.params.get("allowWatchBookmarks") == "true" else math.inf
        selects = _selector(request.params)
        return Watch(self.objects, target.collection, target.namespace, selects, version, (seconds, bookmarks))


class FakeConnection:
    """One client's way to the server, which can be cut."""

    def __init__(self, api: FakeApi, client: str) -> None:
        self.client = client
        self._api = api
        self._sent: set[asyncio.Task[Response]] = set()
        self._whole = asyncio.Event()
        self._whole.set()

    def cut(self) -> None:
        """From now on nothing arrives, in either direction, and nobody is told so."""
        self._whole.clear()

    def repair(self) -> None:
        self._whole.set()

    async def send(self, request: Request) -> Response:
        await self._whole.wait()
        # What has been sent is carried out, even if the client gives up waiting in the meantime.
        answering = asyncio.create_task(self._api.answer(self.client, request))
        self._sent.add(answering)
        answering.add_done_callback(self._settle)
        response = await asyncio.shield(answering)
        await self._whole.wait()
        return response

    def _settle(self, answering: asyncio.Task[Response]) -> None:
        self._sent.discard(answering)
        if not answering.cancelled():
            answering.exception()  # nobody may be left to be told of it

    async def open(self, request: Request) -> FakeStream:
        if "watch" not in request.params:
            response = await self.send(request)
            return FakeStream(response.status, response.headers, response.body, self._whole, self._api.forget)
        await self._whole.wait()
        status, headers, content = await self._api.open(self.client, request)
        return FakeStream(status, headers, content, self._whole, self._api.forget)

    async def close(self) -> None:
        await asyncio.sleep(0)


def parse_path(path: str) -> Target:
    """Return what a path is about."""
    words = path.strip("/").split("/")
    if words[0] == "api":
        api_version, rest = words[1], words[2:]
    elif words[0] == "apis" and len(words) > 2:
        api_version, rest = f"{words[1]}/{words[2]}", words[3:]
    else:
        raise Refused(404, "NotFound", "the server could not find the requested resource")
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = [*rest, None, None, None][:3]
    return Target(Collection(api_version, str(plural)), namespace, name, subresource)


def _selector(params: Mapping[str, str]) -> Matches:
    labels = label_selector(params["labelSelector"]) if params.get("labelSelector") else everything
    fields = field_selector(params["fieldSelector"]) if params.get("fieldSelector") else everything
    return lambda seen: labels(seen) and fields(seen)


def _status(code: int, reason: str, message: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


def refusal_response(code: int, reason: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(code, headers or {}, orjson.dumps(_status(code, reason, message)))


def _terminating(namespace: str) -> Response:
    message = f"unable to create new content in namespace {namespace} because it is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}
    status = _status(403, "Forbidden", message) | {"details": {"causes": [cause]}}
    return Response(403, {}, orjson.dumps(status))


async def _wait(seconds: float) -> None:
    if math.isinf(seconds):
        await asyncio.get_running_loop().create_future()
    await asyncio.sleep(seconds)
