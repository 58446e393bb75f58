"""Two replicas, of which one acts: it is killed, stopped and continued, cut off from the API server, told to end."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from cluster.chaos.fleet import every, fleet, work
from cluster.chaos.proxy import CLEAR, Proxy, Weather
from cluster.chaos.rig import Rig
from cluster.chaos.table import FULL, chance_of, times
from cluster.operator_process import OperatorProcess, scheduled_job
from cluster.replicas import Happening, Replicas, Takeover, crowd, lease_timing, until_it_answers
from devcluster import Cluster, ControlPlane
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

DEFAULT = (15.0, 10.0, 2.0)
SHORT = (4.0, 3.0, 0.5)
WIDE = (12.0, 6.0, 1.0)
"""A leader that cannot renew stops six seconds before another may begin: also on a machine that is busy."""
CROWDED = 240.0
"""Seconds after which an API server that has been started and does not answer is given up."""
PROMPT = 2.0
"""Seconds that taking over may take, beyond what has to be waited for; more only where the machine is crowded."""


@dataclass
class Stage:
    """Two replicas at work."""

    rig: Rig
    replicas: Replicas
    proxies: list[Proxy]
    """In front of each of them, where one is to be cut off."""
    lease: float
    chance: Random

    def proxy_of(self, operator: OperatorProcess) -> Proxy:
        return self.proxies[self.replicas.all.index(operator)]


@contextmanager
def staged(
    cluster: ControlPlane,
    namespace: str,
    folder: Path,
    timing: tuple[float, float, float] = DEFAULT,
    *,
    behind_proxies: bool = False,
    longest: float = math.inf,
) -> Iterator[Stage]:
    chance = chance_of("replicas")
    with ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(cluster, chance)) for _ in range(2 if behind_proxies else 0)]
        configs = [proxy.kubeconfig(folder / f"proxy-{n}.kubeconfig") for n, proxy in enumerate(proxies)]
        rig = stack.enter_context(Rig(cluster.kubeconfig, namespace, folder))
        rig.apply(*fleet(namespace, size=times(16, 50), jobs=times(6, 14), processes=times(3, 6), longest=longest))
        configs = configs or [cluster.kubeconfig] * 2
        replicas = stack.enter_context(Replicas(rig, configs, lease_timing(*timing)))
        yield Stage(rig, replicas, proxies, timing[0], chance)


def killed(stage: Stage, leader: OperatorProcess) -> Takeover:
    """SIGKILL: takeover once the lease has lapsed."""
    happening = Happening(stage.rig, "kill", leader)
    leader.kill()
    took = stage.replicas.taken_over_by(stage.replicas.others(leader), happening.at)
    happening.over()
    leader.start()
    assert took.in_all <= stage.lease + PROMPT * crowd(), str(took)
    return took


def terminated(stage: Stage, leader: OperatorProcess) -> Takeover:
    """SIGTERM: the other one continues as soon as this one has let its runs end."""
    happening = Happening(stage.rig, "kill", leader)
    leader.process.send(signal.SIGTERM)
    took = stage.replicas.taken_over_by(stage.replicas.others(leader), happening.at)
    happening.over()
    assert leader.process.wait(within=120) == 0
    drained = float(leader.environ["KALENDS_DRAIN_SECONDS"])
    leader.start()
    assert took.in_all <= drained + PROMPT * crowd(), str(took)
    return took


def stopped_and_continued(stage: Stage, leader: OperatorProcess) -> Takeover:
    """SIGSTOP, long enough for another one to lead; SIGCONT: it knows that its time is over before it does anything."""
    seconds = 40.0 if FULL else 1.5 * stage.lease
    happening = Happening(stage.rig, "usurped", leader)
    leader.process.send(signal.SIGSTOP)
    others = stage.replicas.others(leader)
    took = stage.replicas.taken_over_by(others, happening.at)
    time.sleep(max(0.0, seconds - took.in_all))
    leader.process.send(signal.SIGCONT)
    eventually(lambda: stage.replicas.leaders() == others)
    time.sleep(2)
    assert stage.replicas.leaders() == others
    happening.over()
    assert took.in_all <= stage.lease + PROMPT * crowd(), str(took)
    return took


def cut_off(stage: Stage, leader: OperatorProcess) -> Takeover:
    """No packet gets through: it stops by itself before another one begins, and does not end."""
    happening = Happening(stage.rig, "usurped", leader)
    proxy = stage.proxy_of(leader)
    proxy.weather = Weather(cut_off=True)
    others = stage.replicas.others(leader)
    stopped = stage.replicas
    eventually(lambda: leader not in stopped.leaders(), within=stage.lease, every=0.05)
    assert stopped.leaders() == [], "it must stop before the other one may begin"
    took = stage.replicas.taken_over_by(others, happening.at)
    time.sleep(stage.chance.uniform(0, stage.lease))
    proxy.weather = CLEAR
    time.sleep(3)
    assert leader.process.is_running
    assert stage.replicas.leaders() == others
    happening.over()
    assert took.in_all <= stage.lease + PROMPT * crowd(), str(took)
    return took


def terminated_between_short_runs(stage: Stage, leader: OperatorProcess) -> Takeover:
    """SIGTERM where no run takes longer than moments: what is left is the handover itself."""
    return terminated(stage, leader)


End = Callable[[Stage, OperatorProcess], Takeover]
ENDS: tuple[End, ...] = (killed, terminated, terminated_between_short_runs, stopped_and_continued, cut_off)
LONGEST: dict[End, float] = {terminated_between_short_runs: 0.2}
"""Seconds that a task may take; elsewhere some take 1.6."""


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_the_other_one_takes_over_in_time_and_nothing_is_lost_or_done_twice(
    installed: Cluster,
    local_control_plane: ControlPlane,
    node: StandInNode,
    namespace: str,
    tmp_path: Path,
    end: End,
) -> None:
    # The short form keeps to the defaults where nothing has to lapse, and once where something has.
    timing = WIDE if end in {stopped_and_continued, cut_off} and not FULL else DEFAULT
    longest = LONGEST.get(end, math.inf)
    took: list[Takeover] = []
    with staged(
        local_control_plane, namespace, tmp_path, timing, behind_proxies=end is cut_off, longest=longest
    ) as stage:
        for _ in range(times(1, 20)):
            stage.replicas.all_ready()
            leader = stage.replicas.leader()
            time.sleep(stage.chance.uniform(2, 4))
            took.append(end(stage, leader))
        time.sleep(3)
        print(f"{end.__name__}: another replica acted after {', '.join(map(str, took))} s (after the last renewal)")
        stage.rig.assert_clean()


def test_while_no_replica_can_renew_runs_continue_and_the_same_replica_leads_again(
    installed: Cluster, local_control_plane: ControlPlane, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    timing, away = (DEFAULT, 20.0) if FULL else (SHORT, 8.0)
    with staged(local_control_plane, namespace, tmp_path, timing) as stage:
        long = work(seconds=away * 0.8)
        stage.rig.apply(scheduled_job("long", namespace, **every(int(away) + 4), **long))
        for _ in range(times(1, 5)):
            stage.replicas.all_ready()
            leader = stage.replicas.leader()
            eventually(lambda: stage.rig.counts("long").get("active"), within=120)
            at = time.time()
            local_control_plane.stop_api_server(signal.SIGTERM)
            time.sleep(away)
            assert stage.replicas.leaders() == [], "a lease that cannot be renewed proves nothing"
            local_control_plane.api_server.start()
            until_it_answers(local_control_plane, CROWDED)
            back = time.time()
            eventually(partial(stage.replicas.is_led_by, leader), within=60, every=0.05)
            print(f"the same replica acted {time.time() - back:.1f} s after the API server had come back")
            stage.rig.hindered("API server ended", at)
            time.sleep(3)
            assert stage.replicas.leaders() == [leader]
        stage.rig.assert_clean()
        assert sum(status["counts"]["lost"] for status in stage.rig.statuses().values()) == 0
