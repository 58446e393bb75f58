"""/livez, /readyz and /metrics: small pages about the event loop, made on it."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Mapping
from http import HTTPStatus

from kalends.clock import Clock
from kalends.handlers.health_server import Page, PageServer
from kalends.metrics import Metrics

log = logging.getLogger(__name__)

PULSE = 1.0
STUCK = 60.0
"""Seconds without a pass of the engine's loop after which it counts as stuck: six times its longest sleep."""
UNWATCHED = 60.0
"""Seconds without a feed at work after which it counts as dead: it starts again within two."""
STEP = 0.5
"""Seconds by which the wall clock must jump to be mentioned; time servers slew by half a millisecond a second."""
CONTRARY = 60
"""Pulses in a row in which wall clock and monotonic clock disagree after which waiting for fire times is hopeless."""
REMEMBERED = 600
FRESH = 1.0
"""Seconds for which a page of metrics is served again."""

Claim = Callable[[], str | None]
"""Returns what is wrong, or None."""
NO_REMARKS: Mapping[str, Claim] = {}


class HealthMonitor:
    """Checks once a second that the event loop, the clocks and the feed work.

    A clock that was stepped is reported (log, metric) and is no reason to start again: nothing sleeps for more than ten
    seconds, and what is due is worked out anew each time. A wall clock that stands still, or runs at another pace than
    the monotonic one, makes instants meaningless for as long as it does.
    """

    def __init__(self, clock: Clock, feed_alive: Callable[[], bool] = lambda: True) -> None:
        self.lag = 0.0
        """Seconds by which the last monitor was late."""
        self._clock = clock
        self._feed_alive = feed_alive
        self._feed_seen = clock.monotonic()
        self._offsets = deque([clock.now() - clock.monotonic()], maxlen=REMEMBERED)
        self._contrary = 0

    @property
    def skew(self) -> float:
        """Return how many seconds the wall clock has gained on the monotonic one within the last ten minutes."""
        return self._offsets[-1] - self._offsets[0]

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(PULSE)
            after = self._clock.monotonic()
            self.lag = max(0.0, after - before - PULSE)
            self._compare_clocks(after, after - before)
            if self._feed_alive():
                self._feed_seen = after

    def _compare_clocks(self, monotonic: float, passed: float) -> None:
        offset = self._clock.now() - monotonic
        step = offset - self._offsets[-1]
        self._offsets.append(offset)
        if abs(step) < STEP * max(passed, PULSE):
            self._contrary = 0
            return
        self._contrary += 1
        if self._contrary == 1:
            log.warning("the wall clock was stepped by %.1f s", step)

    def clocks_disagree(self) -> str | None:
        """Return since when wall clock and monotonic clock have run at different rates, if they do."""
        if self._contrary < CONTRARY:
            return None
        return f"wall clock and monotonic clock have disagreed {self._contrary} times in a row"

    def unwatched(self) -> str | None:
        """Return for how long no watch of ScheduledJobs has run, if that is too long."""
        since = self._clock.monotonic() - self._feed_seen
        return f"ScheduledJobs have not been watched for {since:.0f} s" if since > UNWATCHED else None


class HealthServer:
    """Answers probes and Prometheus."""

    def __init__(
        self,
        metrics: Metrics,
        live: Mapping[str, Claim],
        ready: Mapping[str, Claim],
        clock: Clock,
        remarks: Mapping[str, Claim] | None = None,
    ) -> None:
        """Return a server.

        Args:
            metrics: The page at /metrics.
            live: What makes /livez fail.
            ready: What makes /readyz fail.
            clock: Says how old the page of metrics is.
            remarks: What /readyz shows besides, and does not fail for.
        """
        self._metrics = metrics
        self._live = live
        self._ready = ready
        self._remarks = remarks or {}
        self._clock = clock
        self._server = PageServer(self.page)
        self._made_at = -math.inf
        self._made = b""

    async def listen(self, host: str | None, port: int) -> None:
        """Take the port; None as the host stands for all addresses, IPv4 and IPv6.

        Raises:
            InvalidSettings: The port is taken, or the host is not this machine.
        """
        await self._server.listen(host, port)
        log.info("serving /livez, /readyz and /metrics on port %s", self._server.port)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._server.run()

    def wrong(self) -> dict[str, str]:
        """Return what would make /livez fail."""
        return _wrong(self._live)

    def page(self, target: str) -> Page | None:
        """Return the page for a path with its query. With ``verbose``, /readyz also shows remarks that are empty."""
        path, _, query = target.partition("?")
        match path:
            case "/livez":
                return _report(self._live)
            case "/readyz":
                verbose = "verbose" in {part.partition("=")[0] for part in query.split("&")}
                return _report(self._ready, self._remarks, verbose=verbose)
            case "/metrics":
                return Page(self._measured())
            case _:
                return None

    def _measured(self) -> bytes:
        """Return the metrics, at most a second old: collecting them takes time on the loop."""
        now = self._clock.monotonic()
        if now - self._made_at >= FRESH:
            self._made_at, self._made = now, self._metrics.page()
        return self._made


def _report(claims: Mapping[str, Claim], remarks: Mapping[str, Claim] = NO_REMARKS, *, verbose: bool = False) -> Page:
    wrong, remarkable = _wrong(claims), _wrong(remarks)
    lines = [f"[-] {name}: {wrong[name]}" if name in wrong else f"[+] {name} ok" for name in claims]
    lines += [f"[!] {name}: {text}" for name, text in remarkable.items()]
    lines += [f"[+] {name} ok" for name in remarks if verbose and name not in remarkable]
    status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
    return Page(("\n".join(lines) + "\n").encode(), status)


def _wrong(claims: Mapping[str, Claim]) -> dict[str, str]:
    return {name: found for name, claim in claims.items() if (found := claim()) is not None}
