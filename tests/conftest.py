"""What holds for every test: Hypothesis takes the time it needs, as machines may be shared and noisy.

Walks and oracles read the time zone database that the product follows, which may be newer than that of the system.

In CI it tries the same examples each time: what it finds anew belongs to whoever looks for it, not to the next change.
"""

import os
import zoneinfo
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from kalends.triggers import database

settings.register_profile(
    "kalends",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("kalends")

if database().packaged:
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()


@pytest.fixture
def tzpath_restored() -> Iterator[None]:
    """Restores the folders that ``zoneinfo`` reads after a test that sets others."""
    folders = zoneinfo.TZPATH
    yield
    zoneinfo.reset_tzpath(to=folders)
    zoneinfo.ZoneInfo.clear_cache()
