"""What every scheduler does, whatever its loop. Each function is a claim; ``test_suite.py`` runs them in each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schedulers import suite_events, suite_jobs, suite_life
from schedulers.program import Program

Scenario = Callable[[Program], None]


def _scenarios(module: Any) -> dict[str, Scenario]:
    return {
        name: value
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }


SCENARIOS: dict[str, Scenario] = {
    name: scenario for module in (suite_jobs, suite_events, suite_life) for name, scenario in _scenarios(module).items()
}

__all__ = ["SCENARIOS", "Program", "Scenario"]
