"""Jobs whose create request got no answer, so that it is unknown whether they exist."""

from __future__ import annotations

from collections import OrderedDict
from http import HTTPStatus

from kalends.engine.ports import Run
from kalends.errors import ApiError, Unavailable
from kalends.kube.client.client import ApiClient
from kalends.kube.client.lanes import Lane
from kalends.kube.client.paths import JOBS
from kalends.kube.wire.transport import JsonObject

REMEMBERED = 1000


class UnansweredCreates:
    """Remembers them, and looks for them before another Job of the same resource is created.

    Otherwise a later fire time would take the place of one that is running already: it would count as coalesced.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._asked: OrderedDict[tuple[str, str], Run] = OrderedDict()

    def note(self, run: Run, error: ApiError) -> None:
        """Remember a run whose creation failed, if the API server may have carried it out."""
        if error.status == 0 or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._asked[_key(run)] = run
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)

    def includes(self, run: Run) -> bool:
        """Return whether a run is among them."""
        return _key(run) in self._asked

    def settle(self, run: Run) -> None:
        """Forget a run whose Job is known to be there, or not to be."""
        self._asked.pop(_key(run), None)

    def others(self, run: Run) -> list[Run]:
        """Return those of the same resource but for the run itself."""
        return [one for one in self._asked.values() if one.ref.uid == run.ref.uid and one.name != run.name]

    async def find_created(self, run: Run) -> list[JsonObject]:
        """Return the Jobs of the same resource that exist after all; they need not be looked for again.

        Raises:
            Unavailable: It cannot be found out now.
        """
        found = []
        for other in self.others(run):
            try:
                found.append(await self._client.get(JOBS.named(other.ref.namespace, other.name), lane=Lane.CREATE))
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise Unavailable(str(error), error.retry_after) from error
            self.settle(other)
        return found


def _key(run: Run) -> tuple[str, str]:
    return run.ref.uid, run.name
