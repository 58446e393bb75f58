"""Why a part of the API cannot be reached or read: logged once per change and once a minute, and shown by /readyz."""

from __future__ import annotations

import asyncio
import logging
import re
from http import HTTPStatus

from kalends.errors import ApiError

log = logging.getLogger(__name__)

LOG_AGAIN_AFTER = 60.0
"""Seconds after which an error that lasts is logged again."""
PASSING = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.GONE,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""Refusals that the next request may not meet. Other 4xx last until a permission, a login or the CRD is corrected."""
_MISSING_PERMISSION = re.compile(r"cannot \w+ (?=resource )|(?:at the cluster scope|in the namespace .*)$")
LONGEST = 200


class ReadErrors:
    """What keeps one resource from being read, if anything does."""

    def __init__(self, what: str) -> None:
        self.what = what
        """The resource, as ``kubectl auth can-i`` takes it: ``jobs.batch``."""
        self.cause: str | None = None
        """The cause in a few words, such as ``403 Forbidden (cannot list at the cluster scope)``."""
        self.lasts = False
        """Whether it lasts until an administrator acts."""
        self._again_at = 0.0

    def __str__(self) -> str:
        return f"{self.what}: {self.cause}"

    def failed(self, error: ApiError, hint: str = "") -> None:
        """Take note of a failed request. A warning if that is new and lasting, or was last logged a minute ago."""
        self.lasts = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        self.lasts = self.lasts and error.status not in PASSING
        time = asyncio.get_running_loop().time()
        before, self.cause = self.cause, _cause(error)
        if not self.lasts:
            log.info("%s: %s", self.what, error)
        elif before != self.cause or time >= self._again_at:
            self._again_at = time + LOG_AGAIN_AFTER
            log.warning("%s cannot be read: %s%s", self.what, error, hint)

    def succeeded(self) -> None:
        """Take note of a request that succeeded."""
        if self.cause is not None and self.lasts:
            log.info("%s can be read again", self.what)
        self.cause, self.lasts = None, False


def _cause(error: ApiError) -> str:
    if not error.status:
        return f"{error.reason}: {error.message}"[:LONGEST]
    # Of the sentence of the API server ("… is forbidden: User … cannot list resource … at the cluster scope") the part
    # that is not known already.
    permission = "".join(_MISSING_PERMISSION.findall(error.message))
    detail = permission or error.message
    return f"{error.status} {error.reason} ({detail[:LONGEST]})"
