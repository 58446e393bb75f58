"""What holds for every test: Hypothesis takes the time it needs, as these machines are shared and noisy."""

from hypothesis import HealthCheck, settings

settings.register_profile("kalends", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kalends")
