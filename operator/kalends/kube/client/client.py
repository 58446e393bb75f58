"""The API server, as the rest of the operator sees it: objects in, objects out, ApiError."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self

import orjson

from kalends.clock import Clock
from kalends.errors import ApiError, NoLongerWanted
from kalends.kube.client.lanes import Lane, Lanes
from kalends.kube.client.paths import namespace_in, resource_label
from kalends.kube.client.retries import Backoff
from kalends.kube.client.sender import PATIENCE, REQUEST_TIMEOUT, OnRequest, Sender, ignore_request, in_time
from kalends.kube.wire.bounded_objects import LATER, read_object, unread
from kalends.kube.wire.listing import Read, read_list
from kalends.kube.wire.responses import Lines, error_of_status, invalid_response
from kalends.kube.wire.transport import JSON, MERGE_PATCH, NOTHING, JsonObject, Request, Stream, Transport

log = logging.getLogger(__name__)

OnUnreadable = Callable[[str], None]
Propagation = Literal["Background", "Foreground", "Orphan"]

# With bookmarks a healthy watch says something about once a minute.
SILENCE = 70.0
# How long the server is asked to keep a watch open.
WATCH_TIMEOUT = 300.0


def always() -> bool:
    """Return that a request is wanted."""
    return True


def ignore_unreadable(_resource: str) -> None:
    """Count nothing."""


class ApiClient:
    """Talks to the API server over one transport.

    ``timeout`` bounds one attempt and ``patience`` a request with all its repetitions, both in seconds. What is
    repeated, ``retries.is_worth_retrying`` says. A request that names a lane waits for its turn in it, and keeps its
    slot while it pauses: when the server asks for less, it gets less. A request without a lane goes at once.

    ``on_request(verb, resource, code, seconds)`` is called after every attempt; code 0 means that there was no answer.
    ``on_unreadable(resource)`` is called for every object that is too deep or too large to be read whole.
    """

    def __init__(  # noqa: PLR0913 - what it talks through, and what tests and metrics choose
        self,
        transport: Transport,
        clock: Clock,
        *,
        lanes: Lanes | None = None,
        backoff: Backoff | None = None,
        on_request: OnRequest = ignore_request,
        on_unreadable: OnUnreadable = ignore_unreadable,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._lanes = lanes or Lanes()
        self._sender = Sender(transport, clock, backoff or Backoff(), on_request, chance)
        self._on_unreadable = on_unreadable

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def silence(self) -> str | None:
        """Why the newest attempt got no answer from the API server; None if it was answered, whatever it says."""
        return self._sender.silence

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def request(  # noqa: PLR0913 - one place knows all that can be said about a request
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] = NOTHING,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - it bounds one attempt, of which there may be several
        patience: float = PATIENCE,
        repeat: bool = True,
        lane: Lane | None = None,
        is_wanted: Callable[[], bool] = always,
    ) -> JsonObject:
        """Return the object that the server answers with.

        With ``repeat=False`` nothing is sent again: the caller decides anew, as the request may no longer be wanted.
        ``is_wanted`` is asked when the request has a slot of its lane, immediately before it is sent.

        Raises:
            ApiError: The server refused, or did not answer in time (status 0); for POST and PATCH the latter means
                that it is unknown whether the write happened.
            NoLongerWanted: Nothing was sent.
        """
        encoded = None if body is None else orjson.dumps(body)
        request = Request(method, path, params, encoded, content_type, accept)
        if lane is None:
            return await self._send(request, timeout, patience, repeat=repeat)
        await self._lanes.acquire(lane, namespace_in(path))
        try:
            # The wait for a slot can be long, and what was decided before it may be outdated.
            if not is_wanted():
                raise NoLongerWanted(f"{method} {path} was withdrawn before it was sent")
            return await self._send(request, timeout, patience, repeat=repeat)
        finally:
            self._lanes.release(lane)

    async def _send(self, request: Request, seconds: float, patience: float, *, repeat: bool) -> JsonObject:
        found = await self._sender.send(request, seconds, patience, repeat=repeat)
        self._count_unread(request.path, found)
        return found

    async def get(self, path: str, *, accept: str = JSON, lane: Lane | None = None) -> JsonObject:
        """Return the object at ``path``."""
        return await self.request("GET", path, accept=accept, lane=lane)

    async def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        dry_run: bool = False,
        repeat: bool = True,
        lane: Lane | None = None,
        is_wanted: Callable[[], bool] = always,
    ) -> JsonObject:
        """Create an object in the collection at ``path``, or only let the server check it; return it as created.

        A check is strict: fields that the server does not know are errors in it. The creation itself ignores them.
        """
        params = {"dryRun": "All", "fieldValidation": "Strict"} if dry_run else NOTHING
        return await self.request("POST", path, body=body, params=params, repeat=repeat, lane=lane, is_wanted=is_wanted)

    async def merge_patch(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        strict: bool = False,
        dry_run: bool = False,
        lane: Lane | None = None,
    ) -> JsonObject:
        """Change an object, or only let the server check the change; return the object as it is now, or would be.

        With ``metadata.resourceVersion`` in the body it is 409 when the object has changed since it was read. If
        ``strict``, it is 422 when the server does not know a field of the body; it would drop that field otherwise.
        """
        params = ({"fieldValidation": "Strict"} if strict else {}) | ({"dryRun": "All"} if dry_run else {})
        return await self.request("PATCH", path, body=body, params=params, content_type=MERGE_PATCH, lane=lane)

    async def delete(
        self,
        path: str,
        *,
        propagation: Propagation = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
        lane: Lane | None = None,
    ) -> bool:
        """Delete the object at ``path``; return False when it was gone already.

        With ``uid`` or ``resource_version`` it is 409 when the object was replaced or has changed.
        """
        expected = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {name: value for name, value in expected.items() if value is not None}
        body = {"propagationPolicy": propagation} | ({"preconditions": preconditions} if preconditions else {})
        try:
            await self.request("DELETE", path, body=body, lane=lane)
        except ApiError as error:
            if error.status == 404:  # noqa: PLR2004 - not found
                return False
            raise
        return True

    async def list_pages(
        self,
        path: str,
        params: Mapping[str, str] = NOTHING,
        *,
        limit: int = 500,
        accept: str = JSON,
        read: Read = read_object,
    ) -> AsyncGenerator[JsonObject, None]:
        """Yield a collection in parts, each with ``items``; the last part of each page has the list's ``metadata``.

        A page of many large objects comes in several parts, so that only a bounded number of values is in memory.
        Where a page broke off, it is read again: its first items may come twice. An item that ``read`` refuses with
        ValueError is left out, logged and counted.

        Raises:
            ApiError: 410 when the rest of the list has expired: list again from the start.
        """
        page_params = {**params, "limit": str(limit)}
        while True:
            request = Request("GET", path, page_params, accept=accept)
            proceed = None
            async with aclosing(self._persist_with_page(request, read)) as parts:
                async for part in parts:
                    yield part
                    proceed = part["metadata"].get("continue")
            if not proceed:
                return
            page_params["continue"] = proceed

    async def _persist_with_page(self, request: Request, read: Read) -> AsyncGenerator[JsonObject, None]:
        give_up = self._clock.monotonic() + PATIENCE
        failures = 0
        while True:
            try:
                async with aclosing(self._page(request, read)) as parts:
                    async for part in parts:
                        yield part
            except ApiError as error:
                failures += 1
                pause = self._sender.pause_before_retry(request, error, failures, give_up)
            else:
                return
            await asyncio.sleep(pause)

    async def _page(self, request: Request, read: Read) -> AsyncGenerator[JsonObject, None]:
        def skipped(text: bytes, error: ValueError) -> None:
            log.error("an object of %s cannot be read, and is left out: %s: %r", request.path, error, text[:200])
            self.count_unreadable(request.path)

        stream = await self._sender.open(request, "GET")
        try:
            async with aclosing(read_list(_chunks(stream), read, skipped)) as parts:
                async for part in parts:
                    for item in part["items"] or ():
                        self._count_unread(request.path, item)
                    yield part
        except ValueError as error:
            raise invalid_response(stream.status, str(error).encode()) from error
        finally:
            stream.close()

    async def watch(
        self,
        path: str,
        resource_version: str,
        params: Mapping[str, str] = NOTHING,
        *,
        timeout: float = WATCH_TIMEOUT,  # noqa: ASYNC109 - the server ends the watch after it
        silence: float = SILENCE,
    ) -> AsyncGenerator[tuple[str, JsonObject], None]:
        """Yield ``(type, object)`` for every change after ``resource_version``; type BOOKMARK brings only a version.

        It ends when the server ends it, normally after ``timeout`` seconds. Close it (``contextlib.aclosing``).

        Raises:
            ApiError: 410 when the changes since that version are no longer known; status 0 when nothing was heard for
                ``silence`` seconds, or the connection broke.
        """
        query = {
            **params,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(int(timeout)),
        }
        stream = await self._sender.open(Request("GET", path, query))
        lines = Lines()
        try:
            while chunk := await in_time(stream.read(), silence):
                for kind, changed in lines.feed(chunk):
                    self._count_unread(path, changed)
                    if kind == "ERROR":
                        raise error_of_status(changed, int(changed.get("code") or 0))
                    yield kind, changed
        finally:
            stream.close()

    def count_unreadable(self, path: str) -> None:
        """Count an object that was too large, or nested too deeply, to be read whole."""
        self._on_unreadable(resource_label(path))

    def _count_unread(self, path: str, obj: JsonObject) -> None:
        if LATER not in unread(obj).values() and unread(obj):
            self.count_unreadable(path)


async def _chunks(stream: Stream) -> AsyncGenerator[bytes, None]:
    while chunk := await in_time(stream.read(), REQUEST_TIMEOUT):
        yield chunk
