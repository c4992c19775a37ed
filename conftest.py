"""Fixtures that every test may ask for."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

pytest_plugins = [
    "tests.fixtures.kubernetes",
    "tests.fixtures.models",
    "tests.fixtures.platform",
    "tests.fixtures.pools",
    "tests.fixtures.postgres",
    "tests.fixtures.services",
    "tests.fixtures.s3",
    "tests.fixtures.bucketed",
]
