"""The contract of executors, for those that need no loop of the program."""

from __future__ import annotations

import pytest

from kalends.executors.base import BaseExecutor
from kalends.executors.debug import DebugExecutor
from kalends.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from kalends.testing.contracts.executors import *  # noqa: F403 - pytest collects the claims where it finds them


@pytest.fixture(params=["threads", "processes", "debug"])
def executor(request: pytest.FixtureRequest) -> BaseExecutor:
    made: dict[str, type[BaseExecutor]] = {
        "threads": ThreadPoolExecutor,
        "processes": ProcessPoolExecutor,
        "debug": DebugExecutor,
    }
    return made[request.param]()
