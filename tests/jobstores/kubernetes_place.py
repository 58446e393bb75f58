"""An API server in memory, behind a socket, for job stores whose clients run in threads of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from jobstores.places import Place
from kalends.jobstores.kubernetes import KubernetesJobStore
from kube.fake_api import FakeApi
from kube.served import Served, kubeconfig, serving

MANAGER = "example.com/my-app"
NAMESPACE = "team"
_T = TypeVar("_T")


class ServedCluster(Place):
    """Serves until it is removed."""

    def __init__(self, folder: Path) -> None:
        self.api = FakeApi(now=time.time)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="API server", daemon=True)
        self._thread.start()
        self._serving = serving(self.api)
        served: Served = self.call(self._serving.__aenter__())
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(kubeconfig(served.url))

    def call(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Return what a coroutine returns that runs in the thread of the server."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def do(self, function: Callable[[], _T]) -> _T:
        """Return what a function returns that runs in the thread of the server."""

        async def run() -> _T:
            return function()

        return self.call(run())

    @override
    def new_store(self, **options: Any) -> KubernetesJobStore:
        return KubernetesJobStore(**{"managed_by": MANAGER, "kubeconfig": self.kubeconfig, **options})

    @override
    def remove(self) -> None:
        self.call(self._serving.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
