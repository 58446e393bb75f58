"""Requests over real connections: one aiohttp session, with the credentials that are valid now."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from kalends.errors import ApiError
from kalends.kube.client.reachability import Reachability, why_unconnected
from kalends.kube.login.credentials import Credentials
from kalends.kube.wire.transport import Request, Response

USER_AGENT = f"kalends/{version('kalends')}"
# Go's servers and most load balancers keep an idle connection longer, so that it is we who close it.
KEEP_ALIVE = 30.0
CONNECT_TIMEOUT = 10.0
# Compression saves bytes, which are cheap inside a cluster, and costs CPU on both sides.
COMMON_HEADERS = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}


class SocketTransport:
    """Sends requests to the API server, and opens a connection for each active request."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._session: aiohttp.ClientSession | None = None
        self._reachability = Reachability()

    async def send(self, request: Request) -> Response:
        """Return the answer, whatever its status."""
        try:
            async with await self._ask(request) as answer:
                return Response(answer.status, answer.headers, await answer.read())
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error

    async def open(self, request: Request) -> SocketStream:
        """Return an answer as soon as its status is known."""
        try:
            return SocketStream(await self._ask(request))
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, request: Request) -> aiohttp.ClientResponse:
        await self._credentials.refresh()
        login = self._credentials.login
        answer = await self._ask_once(request)
        if answer.status == HTTPStatus.UNAUTHORIZED and await self._credentials.renew(login):
            answer.release()
            answer = await self._ask_once(request)
        self._reachability.answered()
        return answer

    def _unreachable(self, error: Exception) -> ApiError:
        cause = why_unconnected(error)
        if cause is None:
            return _broken(error)
        server = self._credentials.server
        self._reachability.failed(server, cause)
        return ApiError(0, "Unreachable", f"cannot connect to {server}: {cause}")

    async def _ask_once(self, request: Request) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = _session()
        credentials = self._credentials
        url = credentials.login.server + request.path
        if request.params:
            url = f"{url}?{urlencode(request.params)}"
        headers = {"Accept": request.accept, **credentials.headers}
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        return await self._session.request(
            request.method,
            URL(url, encoded=True),
            data=request.body,
            headers=headers,
            allow_redirects=False,
            ssl=credentials.tls if credentials.tls is not None else True,
            proxy=credentials.login.proxy_url,
        )


class SocketStream:
    """A streamed answer, over its own connection."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.status: int = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer = answer

    async def read(self) -> bytes:
        """Return the next bytes as they come, or ``b""`` when the server has ended the answer."""
        try:
            return await self._answer.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise _broken(error) from error

    def close(self) -> None:
        """Hang up."""
        self._answer.close()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=COMMON_HEADERS,
        # Whole requests are bounded by the client, watches by their silence.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
    )


def _broken(error: Exception) -> ApiError:
    return ApiError(0, "Unreachable", f"{type(error).__name__}: {error}")
