"""A typing error in the name of a setting is named; what Kubernetes sets for a Service is not taken for one."""

from __future__ import annotations

import pytest

from kalends.unknown_variables import unknown_variables


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("KALENDS_LOG__FORMAT", "KALENDS_LOG_FORMAT"),
        ("KALENDS_TIMEZONE", "KALENDS_TIME_ZONE"),
        ("KALENDS_DRAIN_SECOND", "KALENDS_DRAIN_SECONDS"),
    ],
)
def test_the_nearest_correct_name_is_suggested(name: str, near: str) -> None:
    (problem,) = unknown_variables({name: "x"})
    assert problem == f"the environment variable {name} is no setting, and is ignored; did you mean {near}?"


@pytest.mark.parametrize(
    "name",
    [
        *("KALENDS_SERVICE_HOST", "KALENDS_SERVICE_PORT", "KALENDS_SERVICE_PORT_METRICS", "KALENDS_PORT"),
        *("KALENDS_PORT_443_TCP", "KALENDS_PORT_443_TCP_ADDR", "KALENDS_METRICS_PORT_8080_TCP_PROTO"),
        *("KALENDS_LOG_FORMAT", "KALENDS_JOB_DEFAULTS__COALESCE", "kalends_time_zone", "KALENDS_RUN", "PATH"),
    ],
)
def test_settings_and_variables_of_services_are_no_problem(name: str) -> None:
    assert list(unknown_variables({name: "x"})) == []
