"""Fixtures that every test may ask for."""

import os

from hypothesis import HealthCheck, settings

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# A busy machine is no fault of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

pytest_plugins = [
    "tests.fixtures.kubernetes",
    "tests.fixtures.models",
    "tests.fixtures.platform",
    "tests.fixtures.pools",
    "tests.fixtures.postgres",
    "tests.fixtures.services",
    "tests.fixtures.secured_kafka",
    "tests.fixtures.s3",
    "tests.fixtures.bucketed",
]
