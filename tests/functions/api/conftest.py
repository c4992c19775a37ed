"""Fixtures of the tests of the API."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.fixtures.platform import Platform
from tests.functions.api.asking import client


@pytest.fixture
def http(platform: Platform) -> Iterator[TestClient]:
    """A client of the platform's owner."""
    with client(platform, platform.token) as made:
        yield made
