"""What every graph does."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from dataflux.errors import Invalid
from schemas import ids
from stores.ports import Edge, Graph, Scope
from stores.records.access import scope
from tests.world import World


class GraphContract:
    """Subclass with fixtures `world` and `graph`."""

    @pytest.fixture
    def graph(self, world: World) -> Graph:
        raise NotImplementedError("the adapter's test supplies its graph")

    @pytest.fixture
    def everyone(self, world: World) -> Scope:
        return Scope(world.tenant, (), sees_all=True)

    def test_edges_are_found_from_both_ends_the_strongest_first(
        self, graph: Graph, world: World, everyone: Scope
    ) -> None:
        a, b, c = (world.asset() for _ in range(3))
        weak, strong = _edge(world, a, b, 0.8), _edge(world, c, a, 0.9)
        graph.upsert([weak, strong])
        assert graph.neighbours(a, everyone) == [strong, weak]
        assert graph.neighbours(b, everyone) == [weak]
        assert graph.neighbours(a, everyone, limit=1) == [strong]

    def test_writing_again_replaces(self, graph: Graph, world: World, everyone: Scope) -> None:
        a, b = world.asset(), world.asset()
        old, new = _edge(world, a, b, 0.5), _edge(world, a, b, 0.75)
        graph.upsert([old])
        graph.upsert([old, new, new])
        assert graph.neighbours(a, everyone) == [new]

    def test_types_select(self, graph: Graph, world: World, everyone: Scope) -> None:
        a, b = world.asset(), world.asset()
        similar, derived = _edge(world, a, b), _edge(world, a, b, type="derived_from")
        graph.upsert([similar, derived])
        assert graph.neighbours(a, everyone, types=["derived_from"]) == [derived]
        assert graph.neighbours(a, everyone, types=["contains"]) == []
        assert len(graph.neighbours(a, everyone, types=["similar_to", "derived_from"])) == 2

    def test_depth_walks_on_and_a_circle_ends(
        self, graph: Graph, world: World, everyone: Scope
    ) -> None:
        a, b, c, d = (world.asset() for _ in range(4))
        chain = [_edge(world, a, b), _edge(world, b, c), _edge(world, c, a), _edge(world, c, d)]
        graph.upsert(chain)
        assert _ids(graph.neighbours(a, everyone)) == _ids([chain[0], chain[2]])
        assert _ids(graph.neighbours(a, everyone, depth=2)) == _ids(chain)
        assert _ids(graph.neighbours(d, everyone, depth=4)) == _ids(chain)

    @pytest.mark.parametrize("depth", [0, 5])
    def test_a_depth_out_of_range_is_refused(
        self, graph: Graph, world: World, everyone: Scope, depth: int
    ) -> None:
        with pytest.raises(Invalid, match="depth"):
            graph.neighbours(world.asset(), everyone, depth=depth)

    def test_segments_are_entities_too(self, graph: Graph, world: World, everyone: Scope) -> None:
        asset, other = world.asset(), world.asset()
        edge = _edge(world, world.segment(asset), world.segment(other))
        graph.upsert([edge])
        assert graph.neighbours(edge.target, everyone) == [edge]

    def test_what_is_not_visible_is_neither_shown_nor_passed(
        self, graph: Graph, world: World
    ) -> None:
        user, group, collection = world.user(), world.group(), world.collection()
        start, hidden, beyond, near = (world.asset(*each) for each in ([collection], [], [], []))
        shown = _edge(world, start, near)
        graph.upsert([_edge(world, start, hidden), _edge(world, hidden, beyond), shown])
        world.grant(group, collection)
        world.grant(user.user, near)
        world.grant(user.user, beyond)
        world.grant(user.user, hidden, until=datetime(2020, 1, 1, tzinfo=UTC))
        inside = Scope(world.tenant, (user.user, group))
        assert graph.neighbours(start, inside, depth=3) == [shown]
        assert graph.neighbours(start, scope(user), depth=3) == []

    def test_what_is_deleted_is_not_shown(
        self, graph: Graph, world: World, everyone: Scope
    ) -> None:
        a, b = world.asset(), world.asset()
        graph.upsert([_edge(world, world.segment(a), world.segment(b))])
        world.delete(b)
        assert graph.neighbours(ids.derived(a, "segment", 0), everyone) == []

    def test_tenants_never_see_each_other(
        self, graph: Graph, world: World, everyone: Scope
    ) -> None:
        other = world.neighbour()
        a, b = other.asset(), other.asset()
        edge = _edge(other, a, b)
        graph.upsert([edge])
        assert graph.neighbours(a, everyone) == []
        graph.delete(world.tenant, [a, b])
        assert graph.neighbours(a, Scope(other.tenant, (), sees_all=True)) == [edge]

    def test_deleting_takes_the_edges_of_both_ends(
        self, graph: Graph, world: World, everyone: Scope
    ) -> None:
        a, b, c = (world.asset() for _ in range(3))
        graph.upsert([_edge(world, a, b), _edge(world, c, a), kept := _edge(world, b, c)])
        graph.delete(world.tenant, [a])
        assert graph.neighbours(b, everyone, depth=2) == [kept]


def _edge(
    world: World, source: UUID, target: UUID, strength: float = 0.75, type: str = "similar_to"
) -> Edge:
    made = ids.derived(source, type, target)
    return Edge(made, world.tenant, source, target, type, strength, {"space": "test"})


def _ids(edges: list[Edge]) -> set[UUID]:
    return {edge.id for edge in edges}
