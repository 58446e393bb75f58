"""Whether the CRD fits this release: looked up before this replica decides anything, and as long as it runs.

An API server drops the fields that its CRD does not have, from what is written and from what it shows. A record that
was cut like that looks like an edit by a user. While the CRD does not fit, nothing is decided and nothing is written.
A CRD that fits now does not prove that earlier reads were whole: the resourceVersion of a record does not change when
the API server shows it whole again. Therefore the CRD is examined before ScheduledJobs are read for the first time, and
they are read again if its generation has changed by the time they have been read. Later a cut record is noticed,
because the record that was written is known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from kalends.errors import ApiError
from kalends.kube.client.client import ApiClient
from kalends.kube.client.paths import CUSTOM_RESOURCE_DEFINITIONS
from kalends.kube.wire.transport import METADATA_OF_ONE
from kalends.model.crd.installed import REMEDY, compare_crd
from kalends.model.values import GROUP, PLURAL
from kalends.stores.crd import fields_lost

log = logging.getLogger(__name__)

CRD_PATH = CUSTOM_RESOURCE_DEFINITIONS.named(None, f"{PLURAL}.{GROUP}")
LOOK_EVERY = 60.0
"""Seconds between two looks at the generation of a CRD that fits. A write that is refused causes a look at once."""
AGAIN_AFTER = 5.0
"""Seconds between two looks at a CRD that does not fit, and from when it fits to when all API servers serve it."""
MENTIONED_EVERY = 60.0


@dataclass(frozen=True, slots=True)
class _Found:
    """The result of a look at the CRD."""

    problem: str | None
    """Why records cannot be kept with it, or None as far as is known."""
    generation: int | None = None
    """Its generation if it fits; None if it does not, or was not read."""


class CrdCheck:
    """Compares the installed CRD with that of this release."""

    def __init__(
        self,
        client: ApiClient,
        on_problem: Callable[[], None] = lambda: None,
        any_resource: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Take how to stop deciding, and how to find a ScheduledJob, as ``namespace/name``, to ask about.

        ``on_problem`` is called when the CRD does not fit, or perhaps did not fit during the first read. If the CRD may
        not be read, a dry run on a ScheduledJob shows what it lacks.
        """
        self.problem: str | None = None
        """Why records cannot be kept with the installed CRD, or None as far as is known."""
        self._client = client
        self._on_problem = on_problem
        self._any_resource = any_resource
        self._suspected = asyncio.Event()
        self._fitting: int | None = None
        """The generation that was found to fit."""
        self._is_first_read = True
        """Whether ScheduledJobs are still being read for the first time."""
        self._may_read = True
        self._mentioned_at = float("-inf")

    async def wait_until_fitting(self) -> None:
        """Wait while records written now would lose fields."""
        while not await self.fits():
            await asyncio.sleep(AGAIN_AFTER)
        self._is_first_read = False

    async def examine_before_reading(self) -> None:
        """Take the first look, before any ScheduledJob is read."""
        found = await self._look()
        self._fitting = found.generation
        self._note(found.problem)

    async def fits(self) -> bool:
        """Return whether nothing is known to be lost now; where something is, say so."""
        before, found = self.problem, await self._look()
        was_changed = self._is_first_read and found.generation not in {None, self._fitting}
        if found.problem is None and (before is not None or was_changed):
            # The definition is right. API servers serve the previous definition for another moment.
            await asyncio.sleep(AGAIN_AFTER)
            found = await self._look()
        if found.problem is None and before is None and was_changed:
            log.info("the CRD was changed, so all ScheduledJobs are read again")
            self._on_problem()
        self._fitting = found.generation or self._fitting
        self._note(found.problem)
        return found.problem is None

    def _note(self, problem: str | None) -> None:
        before, self.problem = self.problem, problem
        if problem is not None:
            self._mention(f"nothing is decided: {problem}")
            if before is None:
                self._on_problem()
        elif before is not None:
            log.info("the CRD fits this operator again")

    def check_soon(self, lost: Sequence[str]) -> None:
        """Look at the CRD soon: a write was refused, or cut, for these fields."""
        log.debug("a record lacks %s", ", ".join(lost))
        self._suspected.set()

    async def keep_checking(self) -> None:
        """Find out when the CRD is replaced, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY if self.problem is None else AGAIN_AFTER):
                    await self._suspected.wait()
            except TimeoutError:
                if self.problem is None and await self._is_as_it_was():
                    continue
            self._suspected.clear()
            await self.fits()

    def _mention(self, text: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._mentioned_at >= MENTIONED_EVERY:
            self._mentioned_at = now
            log.error("%s", text)

    async def _is_as_it_was(self) -> bool:
        """Return whether the CRD is unchanged since it was found to fit, or cannot be read."""
        if not self._may_read:
            return True
        try:
            found = await self._client.get(CRD_PATH, accept=METADATA_OF_ONE)
        except ApiError:
            return True
        return bool(found["metadata"].get("generation") == self._fitting)

    async def _look(self) -> _Found:
        try:
            crd = await self._client.get(CRD_PATH)
        except ApiError as error:
            if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
                if self._may_read:
                    log.info("the CRD cannot be read, so it is not compared with this release: %s", error)
                self._may_read = False
                return _Found(await self._ask() if error.status == HTTPStatus.FORBIDDEN else None)
            log.warning("the CRD could not be read, so it is not compared with this release: %s", error)
            return _Found(self.problem)
        self._may_read = True
        found, generation = compare_crd(crd), crd["metadata"].get("generation")
        if found.problem is not None:
            return _Found(found.problem)
        if found.warning is not None and self._fitting != generation:
            log.warning("%s", found.warning)
        return _Found(None, generation)

    async def _ask(self) -> str | None:
        """Return what the API server says of a record with all fields, without writing it."""
        key = self._any_resource()
        if key is None:
            return None
        try:
            lost = await fields_lost(self._client, *key.split("/"))
        except ApiError as error:
            return None if error.status == HTTPStatus.NOT_FOUND else self.problem
        return f"the CRD is older than this operator: it has no {', '.join(lost[:5])}; {REMEDY}" if lost else None
