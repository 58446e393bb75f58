"""Whether the CRD fits this release: looked up before this replica decides anything, and noticed in every write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import CUSTOM_RESOURCE_DEFINITIONS
from kalends.model import GROUP, PLURAL
from kalends.model.crd.installed import REMEDY, compare_crd

log = logging.getLogger(__name__)

CRD_PATH = CUSTOM_RESOURCE_DEFINITIONS.named(None, f"{PLURAL}.{GROUP}")
AGAIN_AFTER = 5.0
"""Seconds between two looks at a CRD that does not fit."""
MENTIONED_EVERY = 60.0


class CrdCheck:
    """Compares the installed CRD with that of this release."""

    def __init__(self, client: ApiClient) -> None:
        self.problem: str | None = None
        """Why records cannot be kept with the installed CRD, or None as far as is known."""
        self._client = client
        self._mentioned_at = float("-inf")

    async def until_it_fits(self) -> None:
        """Wait while records written now would lose fields. A record that was cut short looks like a user's mistake."""
        while True:
            self.problem = await self._look()
            if self.problem is None:
                return
            self._mention(f"nothing is decided yet: {self.problem}")
            await asyncio.sleep(AGAIN_AFTER)

    def stored(self, lost: Sequence[str]) -> None:
        """Take note of the fields that the API server dropped from a record, if there are any."""
        if lost:
            some = ", ".join(lost[:5])
            self.problem = f"the CRD is older than this operator: it dropped {some} from a record; {REMEDY}"
            self._mention(self.problem)

    async def look_again(self) -> None:
        """Find out when a CRD that dropped fields has been replaced; go on until cancelled."""
        while True:
            await asyncio.sleep(MENTIONED_EVERY)
            if self.problem is not None:
                self.problem = await self._look()

    def _mention(self, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._mentioned_at >= MENTIONED_EVERY:
            self._mentioned_at = now
            log.error("%s", text)

    async def _look(self) -> str | None:
        try:
            found = compare_crd(await self._client.get(CRD_PATH))
        except ApiError as error:
            if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                log.info("the CRD cannot be read, so it is not compared with this release: %s", error)
            else:
                log.warning("the CRD could not be read, so it is not compared with this release: %s", error)
            return None
        if found.problem is None and found.remark is not None:
            log.warning("%s", found.remark)
        return found.problem
