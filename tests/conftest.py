"""What every test has in common."""

from hypothesis import HealthCheck, settings

# The first example of a test may compile a kernel, and two workers share two cores: a deadline would measure that.
settings.register_profile("offhours", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("offhours")
