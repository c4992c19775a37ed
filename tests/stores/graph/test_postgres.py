"""The graph in SQL keeps the contract."""

import pytest

from stores.graph.postgres import PostgresGraph
from tests.contracts.graph import GraphContract
from tests.world import World


class TestPostgresGraph(GraphContract):
    @pytest.fixture
    def graph(self, world: World) -> PostgresGraph:
        return PostgresGraph(world.session)
