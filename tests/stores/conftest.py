"""What the tests of the stores share."""

import pytest

from stores.records.database import Database
from tests.world import World, make_world


@pytest.fixture
def world(database: Database) -> World:
    """A new tenant to put things into."""
    return make_world(database)
