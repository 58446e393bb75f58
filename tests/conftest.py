"""What holds for every test: Hypothesis takes the time it needs, as machines may be shared and noisy.

In CI it tries the same examples each time: what it finds anew belongs to whoever looks for it, not to the next change.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "kalends",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("kalends")
