"""/livez, /readyz and /metrics: small pages, served by the loop that they speak of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiohttp import web

from kalends.clock import Clock
from kalends.metrics import Metrics

log = logging.getLogger(__name__)

PULSE = 1.0
STUCK = 60.0
"""Seconds without a pass of the engine's loop after which it counts as stuck: six times its longest sleep."""

Claim = Callable[[], str | None]
"""Returns what is wrong, or None."""


class Pulse:
    """Feels whether the event loop is on time, and whether the wall clock goes as fast as the monotonic one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.now() - clock.monotonic()
        self.lag = 0.0
        self.skew = 0.0

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(PULSE)
            after = self._clock.monotonic()
            self.lag = max(0.0, after - before - PULSE)
            offset = self._clock.now() - after
            step = offset - self._offset
            if abs(step) > PULSE:
                log.warning("the clock was stepped by %.1f s", step)
                self._offset = offset
            self.skew = step


class HealthServer:
    """Answers probes and Prometheus."""

    def __init__(self, metrics: Metrics, live: Mapping[str, Claim], ready: Mapping[str, Claim]) -> None:
        self._metrics = metrics
        self._live = live
        self._ready = ready
        self.port = 0

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled."""
        app = web.Application()
        app.router.add_get("/livez", lambda _: self._answer(self._live))
        app.router.add_get("/readyz", lambda _: self._answer(self._ready))
        app.router.add_get("/metrics", self._page)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            self.port = runner.addresses[0][1]
            log.info("serving /livez, /readyz and /metrics on port %s", self.port)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _answer(self, claims: Mapping[str, Claim]) -> web.Response:
        wrong = {name: found for name, claim in claims.items() if (found := claim()) is not None}
        lines = [f"[{'-' if name in wrong else '+'}] {name} {wrong.get(name, 'ok')}" for name in claims]
        return web.Response(text="\n".join(lines) + "\n", status=503 if wrong else 200)

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics.page(), content_type="text/plain", charset="utf-8")
