"""The API server in memory, behind a real socket on the loopback: for what only sockets can show."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from aiohttp import web

from kalends.errors import ApiError
from kalends.kube.wire.transport import Request
from kube.fake_api import FakeApi
from kube.fake_watch import FakeStream


class Served:
    """``tokens``, unless empty, are the ones that are let in; ``seen`` are the headers of all requests."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.tokens: set[str] = set()
        self.seen: list[dict[str, str]] = []
        self.url = ""
        self._connection = api.connect("served")

    async def answer(self, incoming: web.Request) -> web.StreamResponse:
        self.seen.append(dict(incoming.headers))
        if self.tokens and incoming.headers.get("Authorization", "").partition(" ")[2] not in self.tokens:
            status = {"kind": "Status", "code": 401, "reason": "Unauthorized", "message": "Unauthorized"}
            return web.json_response(status, status=401)
        request = Request(
            incoming.method,
            incoming.path,
            dict(incoming.query),
            await incoming.read() or None,
            incoming.content_type,
            incoming.headers.get("Accept", ""),
        )
        if "watch" in request.params:
            return await self._stream(incoming, await self._connection.open(request))
        try:
            response = await self._connection.send(request)
        except ApiError:  # the connection is to break
            assert incoming.transport is not None
            incoming.transport.abort()
            return web.Response()
        return web.Response(
            status=response.status,
            headers=response.headers,
            body=response.body,
            content_type="application/json",
        )

    async def _stream(self, incoming: web.Request, stream: FakeStream) -> web.StreamResponse:
        outgoing = web.StreamResponse(status=stream.status)
        await outgoing.prepare(incoming)
        try:
            while chunk := await stream.read():
                await outgoing.write(chunk)
        except (ApiError, ConnectionError):
            if incoming.transport is not None:
                incoming.transport.abort()
        finally:
            stream.close()
        return outgoing


@asynccontextmanager
async def serving(api: FakeApi, tls: ssl.SSLContext | None = None, as_: type[Served] = Served) -> AsyncIterator[Served]:
    """Serve it on a free port of the loopback for the time of the block."""
    served = as_(api)
    application = web.Application(client_max_size=16 * 1024**2)
    application.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        served.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield served
    finally:
        api.end_watches()
        await asyncio.sleep(0)
        await runner.cleanup()


def kubeconfig(server: str, user: dict[str, object] | None = None, **cluster: object) -> str:
    """Return a kubeconfig with one context, ``here``, in whose namespace ``team`` everything happens."""
    return orjson.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "team"}}],
            "clusters": [{"name": "here", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "me", "user": user or {}}],
        }
    ).decode()
