from __future__ import annotations

from hypothesis import HealthCheck, settings

# a run of the event loop an example is slow to begin with, and two cores are shared
settings.register_profile("c2c", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("c2c")
