"""What goes wrong: each fault by name, and when they come. A seed has some kinds of faults, and not the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kalends.kube.wire.transport import Request, Response
from kube.fake_api import refusal_response
from simulation.chance import Chance
from simulation.loop import Process
from simulation.network import FAIR, Weather
from simulation.replicas import Replica
from simulation.server import LEASES

if TYPE_CHECKING:
    from simulation.world import World

FURTHEST = 40 * 3600.0
"""Seconds that a clock may be wrong by: where it is further ahead, somebody has to mend the records by hand."""
MOMENTS = ("/status", "/jobs", "/leases")
"""Requests that something hangs on; a crash near one of them is worth more than one anywhere."""


class Faults:
    """Does to a world what its seed says."""

    def __init__(self, world: World, chance: Chance) -> None:
        self._world = world
        self._chance = chance
        self._traps: list[tuple[str, Callable[[Replica], None]]] = []
        self._kinds: dict[str, Callable[[], None]] = {
            "crash": self._crash,
            "crash at a request": self._crash_at_a_request,
            "terminate": self._terminate,
            "pause": self._pause,
            "pause at a request": self._pause_at_a_request,
            "cut off": self._cut_off,
            "server down": self._server_down,
            "bad weather": self._bad_weather,
            "slow": self._slow,
            "watches break": self._break_watches,
            "watches expire": self._expire_watches,
            "clock step": self._step_clock,
            "no Jobs": self._refuse_jobs,
            "lease gone": self._delete_lease,
        }
        self.chosen = chance.some(sorted(self._kinds), 0.35)
        world.network.on_arrival = self._arrived

    async def happen(self) -> None:
        """Go on until cancelled, or at once if this seed has no faults."""
        while self.chosen:
            await self._world.pause_for(self._chance.between(0.5, 14.0))
            self._world.troubled()
            self._kinds[self._chance.pick(self.chosen)]()

    def _replica(self) -> Replica:
        return self._chance.pick(self._world.replicas)

    def _later(self, low: float, high: float, then: Callable[[], None]) -> None:
        def now() -> None:
            self._world.troubled()
            then()

        self._world.loop.later(self._chance.between(low, high), now)

    # -- crashes and pauses

    def _crash(self) -> None:
        self._replica().kill()

    def _terminate(self) -> None:
        self._replica().terminate()

    def _pause(self) -> None:
        self._replica().pause(self._how_long())

    def _how_long(self) -> float:
        return self._chance.pick([0.5, 3.0, 12.0, 20.0, 40.0]) * self._chance.between(0.8, 1.2)

    def _crash_at_a_request(self) -> None:
        self._traps.append((self._chance.pick(MOMENTS), lambda replica: replica.kill()))

    def _pause_at_a_request(self) -> None:
        seconds = self._how_long()
        self._traps.append((self._chance.pick(MOMENTS), lambda replica: replica.pause(seconds)))

    def _arrived(self, process: Process, request: Request) -> None:
        """Spring a trap: a few callbacks of the sender's after a write of the kind it waits for has arrived."""
        if not self._traps or request.method == "GET" or self._traps[0][0] not in request.path:
            return
        replica = next((one for one in self._world.replicas if one.process is process), None)
        if replica is not None:
            act = self._traps.pop(0)[1]
            self._world.troubled()
            process.after_steps(self._chance.whole(0, 12), lambda: act(replica))

    # -- the network and the server

    def _cut_off(self) -> None:
        connection = self._replica().connection
        if connection is not None:
            self._world.story.tell("network", f"cuts {connection.owner} off")
            connection.cut()
            self._later(1.0, 45.0, connection.repair)

    def _server_down(self) -> None:
        self._set(Weather(down=True))
        self._world.server.end_watches(broken=True)
        self._later(0.5, 25.0, self._clear_up)

    def _bad_weather(self) -> None:
        self._set(Weather(refused=self._chance.between(0, 0.4), lost=self._chance.between(0, 0.3), slow=0.05))
        self._later(3.0, 40.0, self._clear_up)

    def _slow(self) -> None:
        self._set(Weather(latency=(0.05, self._chance.pick([0.3, 1.0, 3.0])), slow=0.2))
        self._later(3.0, 40.0, self._clear_up)

    def _set(self, weather: Weather) -> None:
        self._world.story.tell("network", f"{weather}")
        self._world.network.weather = weather

    def _clear_up(self) -> None:
        self._set(FAIR)

    def _break_watches(self) -> None:
        self._world.story.tell("network", "breaks watches")
        for replica in self._world.replicas:
            if replica.connection is not None:
                replica.connection.break_watches(self._chance, 0.7)

    def _expire_watches(self) -> None:
        self._world.story.tell("server", "forgets its history, and ends watches")
        self._world.server.objects.compact()
        self._world.server.end_watches(broken=self._chance.happens(0.5))

    def _refuse_jobs(self) -> None:
        """Let a quota be used up, or an admission policy dislike some Jobs for good."""
        permanently = self._chance.happens(0.5)

        def refuse(request: Request) -> Response | None:
            creates = request.method == "POST" and request.path.endswith("/jobs") and not request.params.get("dryRun")
            if not creates or (permanently and self._chance.happens(0.5)):
                return None
            if permanently:
                return refusal_response(422, "Invalid", "spec: Invalid value: not today")
            return refusal_response(403, "Forbidden", "exceeded quota: few-jobs")

        self._world.story.tell("server", "refuses some Jobs for good" if permanently else "refuses Jobs: quota")
        self._world.server.admission = refuse
        self._later(2.0, 20.0, self._accept_jobs)

    def _accept_jobs(self) -> None:
        self._world.server.admission = lambda _: None

    def _delete_lease(self) -> None:
        leases = sorted({replica.lease for replica in self._world.replicas})
        lease = leases[0] if len(leases) == 1 else self._chance.pick(leases)
        self._world.story.tell("user", f"deletes the lease {lease}")
        self._world.server.delete(LEASES, lease)

    # -- clocks

    def _step_clock(self) -> None:
        replica = self._replica()
        size = self._chance.pick([2.0, 15.0, 600.0, 600.0, 86_400.0])
        step = size * self._chance.pick([-1, 1])
        if abs(replica.clock.offset + step) > FURTHEST:
            return
        replica.step_clock(step)
        if self._chance.happens(0.7):
            self._later(2.0, 40.0, lambda: replica.step_clock(-step))

    def stop(self) -> None:
        """Let nothing go wrong any more."""
        self._world.troubled()
        self._traps.clear()
        self._clear_up()
        self._accept_jobs()
        for replica in self._world.replicas:
            if replica.connection is not None:
                replica.connection.repair()
