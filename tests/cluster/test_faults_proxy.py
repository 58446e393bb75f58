"""An API server behind bad weather: a third of the requests refused, slow and lost answers, watches that break."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from cluster.audit import Patience
from cluster.chaos.fleet import every, fleet, job
from cluster.chaos.proxy import CLEAR, Busyness, Proxy, Weather
from cluster.chaos.rig import Rig
from cluster.chaos.table import chance_of, times
from cluster.operator_process import scheduled_job
from devcluster import Cluster, ControlPlane
from devcluster.api import Api
from devcluster.standin_node import StandInNode
from devcluster.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
BAD = Weather(refused=1 / 3, slow=0.05, lost=0.03, gone=0.2, watch_seconds=5.0)


def test_the_proxy_passes_on_counts_and_refuses_a_third(
    installed: Cluster, local_control_plane: ControlPlane, tmp_path: Path
) -> None:
    with (
        Proxy(local_control_plane, chance_of("proxy")) as proxy,
        closing(Api(proxy.kubeconfig(tmp_path / "proxy.kubeconfig"))) as api,
    ):
        assert api.get("/version")["major"] == "1"
        proxy.weather = Weather(refused=1 / 3)
        answers = [api.request("GET", "/api/v1/namespaces/default")[0] for _ in range(300)]
        assert {200, 429, 500} == set(answers)
        assert 50 < sum(status != 200 for status in answers) < 150
        proxy.weather = Weather(gone=1.0)
        assert api.request("GET", "/api/v1/namespaces?watch=1&timeoutSeconds=1")[0] in {200, 410}
        proxy.weather = Weather(lost=1.0)
        with pytest.raises(OSError, match=r"closed|reset|without response|EOF"):
            api.request("POST", "/api/v1/namespaces", {"metadata": {"name": f"lost-{proxy.port}"}})
        proxy.weather = CLEAR
        assert api.request("DELETE", f"/api/v1/namespaces/lost-{proxy.port}")[0] == 200, "what was lost had been done"
        assert proxy.counted["GET namespaces"] == 300
        assert proxy.counted["WATCH namespaces"] == 1


def test_in_bad_weather_every_fire_time_is_decided_once_and_nothing_spins(
    installed: Cluster, local_control_plane: ControlPlane, node: StandInNode, namespace: str, tmp_path: Path
) -> None:
    seconds = times(30, 300)
    with Proxy(local_control_plane, chance_of("weather")) as proxy:
        behind = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
        with Rig(installed.kubeconfig, namespace, tmp_path, operators_kubeconfig=behind) as rig:
            rig.apply(*fleet(namespace, size=times(30, 50)))
            rig.start()
            proxy.weather, begun, busy = BAD, time.time(), Busyness.since_now(proxy)
            time.sleep(seconds)
            assert rig.operator.process.is_running
            rate = busy.per_second()
            proxy.weather = CLEAR
            rig.hindered("bad weather", begun)
            time.sleep(5)
            verdict = rig.assert_clean(Patience(late=30.0))
        harmed = ", ".join(f"{count} {name}" for name, count in sorted(proxy.harmed.items()))
        watches = sum(count for kind, count in proxy.counted.items() if kind.startswith("WATCH"))
        assert proxy.harmed["dropped"] > 0, "watches were to break"
        print(f"{proxy.counted.total()} requests, {watches} of them watches ({rate:.0f}/s in bad weather); {harmed}")
        most = proxy.counted.most_common(6)
        # A run takes at most four requests in good weather; each of them is tried half as often again here.
        assert rate < 20 + 8 * (verdict.executions + verdict.jobs) / seconds, most


@pytest.mark.parametrize("wish", ["100000", "inf"])
def test_a_retry_after_of_a_day_is_observed_for_a_minute_at_most(
    installed: Cluster, local_control_plane: ControlPlane, node: StandInNode, namespace: str, tmp_path: Path, wish: str
) -> None:
    """The end of a Job is seen: what watches Jobs is not away for longer than what writes records."""
    with Proxy(local_control_plane, chance_of("patience")) as proxy:
        behind = proxy.kubeconfig(tmp_path / "proxy.kubeconfig")
        with Rig(installed.kubeconfig, namespace, tmp_path, operators_kubeconfig=behind) as rig:
            rig.apply(scheduled_job("brief", namespace, **every(3), **job()))
            rig.start()
            eventually(lambda: rig.counts("brief").get("succeeded", 0) >= 1)
            begun = time.time()
            proxy.weather = Weather(refused=1.0, retry_after=wish, watch_seconds=1.0)
            time.sleep(10)
            proxy.weather = CLEAR
            rig.hindered("refusals", begun)
            before = rig.counts("brief")["succeeded"]
            eventually(lambda: rig.counts("brief")["succeeded"] >= before + 3, within=100.0)
            rig.assert_clean(Patience(late=90.0))
