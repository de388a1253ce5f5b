"""What every test of Belisha shares: how hard hypothesis tries.

Examples have no time limit of their own (a busy machine is no bug); pytest-timeout limits the whole
test. `make fuzz` selects the profile `fuzz`, which tries twenty times as many examples.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The parent is hypothesis's own default, which repeats the same examples when the variable CI is set.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", parent=settings.get_profile("house"), max_examples=2_000, derandomize=False)
settings.load_profile("house")
