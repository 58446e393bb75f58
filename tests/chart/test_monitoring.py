"""Prometheus finds the pod, and alerts speak of metrics that there are."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chart.rendering import NAMESPACE, Json, render
from kalends.engine.core.state import Ref
from kalends.engine.ports import Decided, Ended, RunReport, StartPutOff, Verdict
from kalends.metrics import Metrics, ScrapedValues
from kalends.model import Outcome

MONITORED: Json = {"metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}}


def samples() -> dict[str, list[dict[str, str]]]:
    """Return the labels of every sample of an operator that has decided and run something, by the sample's name."""
    metrics = Metrics(("default",))
    metrics.read_from(
        ScrapedValues(
            leads=lambda: True,
            active_runs=lambda: {"default": 1},
            crd_fits=lambda: True,
            scheduled_jobs=lambda: {"Armed": 1, "StartRefused": 1},
            stuck_workers=lambda: {"default": 1},
            foreign_holders=lambda: 1,
            agenda_size=lambda: 1,
            loop_lag=lambda: 0.0,
            clock_skew=lambda: 0.0,
        )
    )
    ref = Ref("default", "nightly", "uid")
    for verdict in (Verdict.STARTED, Verdict.MISSED):
        metrics.notice(Decided(ref, verdict, 1, 0))
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.LOST):
        metrics.notice(Ended(RunReport(ref, "nightly-0", 0, outcome, 0, 0), "default"))
    metrics.notice(StartPutOff(ref, "default", "exceeded quota"))
    for code in (0, 200, 503):
        metrics.request("create", "jobs", code, 0.1)
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(metrics.page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def alerts() -> list[Json]:
    (group,) = render(MONITORED).the("PrometheusRule")["spec"]["groups"]
    rules: list[Json] = group["rules"]
    return rules


def selectors(expression: str) -> list[tuple[str, dict[str, tuple[str, str]]]]:
    """Return the metrics of an expression, each with its matchers: label → (operator, value)."""
    return [
        (name, {label: (op, value) for label, op, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', inside)})
        for name, inside in re.findall(r"(kalends_\w+)\{([^}]*)\}", expression)
    ]


def test_alerts_speak_of_metrics_and_labels_that_the_operator_has() -> None:
    there = samples()
    for alert in alerts():
        asked = selectors(alert["expr"])
        assert asked, alert["alert"]
        for name, matchers in asked:
            own = {label: matcher for label, matcher in matchers.items() if label not in {"namespace", "job"}}
            matching = [
                labels
                for labels in there.get(name, ())
                if all(
                    re.fullmatch(value, labels.get(label, "")) if op == "=~" else labels.get(label) == value
                    for label, (op, value) in own.items()
                )
            ]
            assert matching, f"{alert['alert']}: {name}{own}"


def test_every_metric_in_an_alert_is_one_of_this_release() -> None:
    for alert in alerts():
        assert len(selectors(alert["expr"])) == len(re.findall(r"kalends_[a-z_]+(?=[{\[ )])", alert["expr"]))
        for _, matchers in selectors(alert["expr"]):
            assert matchers["namespace"] == ("=", NAMESPACE)
            assert matchers["job"] == ("=", render().the("Service")["metadata"]["name"])


def test_there_is_an_alert_for_starts_that_are_refused_and_for_an_older_crd() -> None:
    asked = {name for alert in alerts() for name, _ in selectors(alert["expr"])}
    assert {"kalends_starts_put_off_total", "kalends_scheduled_jobs", "kalends_crd_outdated"} <= asked


@pytest.mark.parametrize("outcome", ["Failed", "TimedOut", "Lost"])
def test_a_run_that_did_not_succeed_counts_as_failing(outcome: str) -> None:
    (alert,) = [one for one in alerts() if one["alert"] == "KalendsRunsFailing"]
    counted = [matchers["outcome"] for _, matchers in selectors(alert["expr"]) if "outcome" in matchers]
    assert [operator for operator, _ in counted] == ["=~"]
    assert re.fullmatch(counted[0][1], outcome)


def test_every_alert_says_how_bad_it_is_and_what_is_wrong() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"]["summary"].endswith(".")


def test_the_service_monitor_finds_the_service_and_its_port() -> None:
    release = render(MONITORED)
    monitor, service = release.the("ServiceMonitor")["spec"], release.the("Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["namespaceSelector"]["matchNames"] == [service["metadata"]["namespace"]]
    assert monitor["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert monitor["endpoints"][0]["path"] == "/metrics"


def test_labels_by_which_prometheus_finds_them_are_added() -> None:
    labels = {"release": "prometheus"}
    values = {name: {"enabled": True, "labels": labels} for name in ("serviceMonitor", "prometheusRule")}
    release = render({"metrics": values})
    for kind in ("ServiceMonitor", "PrometheusRule"):
        assert release.the(kind)["metadata"]["labels"].items() >= labels.items()
