"""Whether the API server can be reached at all, and why not, in the log."""

from __future__ import annotations

import asyncio
import logging
import os

import aiohttp

from kalends.kube.client.read_errors import LOG_AGAIN_AFTER

log = logging.getLogger(__name__)


class Reachability:
    """Logs that the API server cannot be reached: at once, once a minute while that lasts, and when it is over."""

    def __init__(self) -> None:
        self._failing_since: float | None = None
        self._again_at = 0.0

    def failed(self, server: str, cause: str) -> None:
        """Take note of a connection that could not be made."""
        time = asyncio.get_running_loop().time()
        if time < self._again_at:
            return
        self._again_at = time + LOG_AGAIN_AFTER
        if self._failing_since is None:
            self._failing_since = time
        log.warning("cannot reach the API server %s: %s; trying again", server, cause)

    def answered(self) -> None:
        """Take note of an answer, whatever it says."""
        if self._failing_since is not None:
            seconds = asyncio.get_running_loop().time() - self._failing_since
            log.info("the API server is reached again, after %.0f s", seconds)
            self._failing_since = None


def why_unconnected(error: Exception) -> str | None:
    """Return why no connection could be made, in words; None if one was made, and broke."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return str(error.certificate_error)
        case aiohttp.ClientProxyConnectionError():
            return f"{_words(error.os_error)} (proxy {error.host}:{error.port})"
        case aiohttp.ClientConnectorError():
            return _words(error.os_error)
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answers {error.status} {error.message}"
        case aiohttp.ConnectionTimeoutError():
            return "no connection in time"
        case _:
            return None


def _words(error: OSError) -> str:
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return str(error.strerror or error)
