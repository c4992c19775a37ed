"""What every vector index does."""

import math
import random
from datetime import UTC, datetime
from uuid import UUID

import pytest

from dataflux.errors import Invalid
from dataflux.permissions import Caller
from schemas import ids
from stores.ports import Scope, VectorIndex, VectorRow
from stores.records.access import scope
from tests.world import World

SPACE = "visual/test@1"
EAST, NORTH_EAST, NORTH = [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]


class VectorIndexContract:
    """Subclass with fixtures `world` and `index`."""

    @pytest.fixture
    def index(self, world: World) -> VectorIndex:
        raise NotImplementedError("the adapter's test supplies its index")

    @pytest.fixture(autouse=True)
    def space(self, index: VectorIndex) -> None:
        index.ensure(SPACE, 4)

    @pytest.fixture
    def everyone(self, world: World) -> Scope:
        return Scope(world.tenant, (), sees_all=True)

    @staticmethod
    def put(
        index: VectorIndex, world: World, asset: UUID, *vectors: list[float], kind: str = "scene"
    ) -> list[UUID]:
        """Give an asset a segment for each vector."""
        segments = [world.segment(asset, n, type=kind) for n in range(len(vectors))]
        index.upsert(
            SPACE, [_row(world, asset, *each) for each in zip(segments, vectors, strict=True)]
        )
        return segments

    def test_the_nearest_come_first(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        asset = world.asset()
        east, between, north = self.put(index, world, asset, EAST, NORTH_EAST, NORTH)
        found = index.near(SPACE, [2.0, 0.1, 0.0, 0.0], everyone, limit=3)
        assert [match.segment for match in found] == [east, between, north]
        assert found[0].similarity == pytest.approx(0.9988, abs=2e-3)
        assert found[0].lineage == asset
        assert len(index.near(SPACE, EAST, everyone, limit=2)) == 2
        assert index.near(SPACE, EAST, everyone, limit=0) == []

    def test_a_lineage_may_be_left_out(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        crowd, other = world.asset(), world.asset()
        self.put(index, world, crowd, *[EAST] * 5)
        (apart,) = self.put(index, world, other, NORTH_EAST)
        found = index.near(SPACE, EAST, everyone, limit=2, without=crowd)
        assert [match.segment for match in found] == [apart]

    def test_writing_again_replaces(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        asset = world.asset()
        (segment,) = self.put(index, world, asset, EAST)
        for _ in range(2):
            index.upsert(SPACE, [_row(world, asset, segment, NORTH)])
        found = index.near(SPACE, NORTH, everyone, limit=10)
        assert [(match.segment, round(match.similarity, 3)) for match in found] == [(segment, 1.0)]

    def test_one_batch_may_name_a_vector_twice_and_many_tenants(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        other = world.neighbour()
        rows, segments = [], []
        for place in (world, other):
            asset = place.asset()
            segments.append(place.segment(asset))
            rows += [_row(place, asset, segments[-1], vector) for vector in (EAST, NORTH)]
        index.upsert(SPACE, rows)
        found = index.near(SPACE, NORTH, everyone, limit=10)
        assert [(match.segment, round(match.similarity, 3)) for match in found] == [
            (segments[0], 1.0)
        ]

    def test_a_vector_is_returned_with_length_one(self, index: VectorIndex, world: World) -> None:
        (segment,) = self.put(index, world, world.asset(), [3.0, 4.0, 0.0, 0.0])
        found = index.vector(SPACE, segment, world.tenant)
        assert found is not None
        assert list(found) == pytest.approx([0.6, 0.8, 0.0, 0.0], abs=1e-3)
        assert index.vector(SPACE, ids.derived(segment, "other"), world.tenant) is None

    def test_tenants_never_see_each_other(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        other = world.neighbour()
        (segment,) = self.put(index, other, other.asset(), EAST)
        assert index.near(SPACE, EAST, everyone, limit=10) == []
        assert index.vector(SPACE, segment, world.tenant) is None
        index.delete(SPACE, world.tenant, segment)
        assert index.vector(SPACE, segment, other.tenant) is not None

    def test_only_what_is_granted_is_found(self, index: VectorIndex, world: World) -> None:
        user, collection = world.user(), world.collection()
        (shared,) = self.put(index, world, world.asset(collection), NORTH)
        (own,) = self.put(index, world, mine := world.asset(), NORTH_EAST)
        self.put(index, world, world.asset(), EAST)
        world.grant(user.user, collection)
        world.grant(user.user, mine, "owner")
        assert self._found(index, user) == [own, shared]
        assert self._found(index, world.user()) == []
        assert len(self._found(index, world.user("viewer"))) == 3

    def test_an_expired_grant_shows_nothing(self, index: VectorIndex, world: World) -> None:
        user, asset = world.user(), world.asset()
        self.put(index, world, asset, EAST)
        world.grant(user.user, asset, until=datetime(2020, 1, 1, tzinfo=UTC))
        assert self._found(index, user) == []

    def test_filters_hold_inside_the_search(self, index: VectorIndex, world: World) -> None:
        film, page = world.asset(), world.asset(kind="document", mime="application/pdf")
        self.put(index, world, film, EAST, EAST, EAST)
        (wanted,) = self.put(index, world, page, NORTH, kind="page")
        found = index.near(
            SPACE, EAST, Scope(world.tenant, (), True, {"kind": {"eq": "document"}}), limit=1
        )
        assert [match.segment for match in found] == [wanted]

    def test_what_is_deleted_is_not_found(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        kept, hidden, gone = world.asset(), world.asset(), world.asset()
        (segment,) = self.put(index, world, kept, EAST)
        self.put(index, world, hidden, EAST)
        (erased,) = self.put(index, world, gone, EAST)
        world.delete(hidden)
        index.delete(SPACE, world.tenant, gone)
        assert [match.segment for match in index.near(SPACE, EAST, everyone, limit=10)] == [segment]
        assert index.vector(SPACE, erased, world.tenant) is None

    @pytest.mark.parametrize(
        "vector", [[1.0], [1.0] * 5, [0.0] * 4, [math.nan, 1, 1, 1], [math.inf, 1, 1, 1]]
    )
    def test_a_bad_vector_is_refused(
        self, index: VectorIndex, world: World, everyone: Scope, vector: list[float]
    ) -> None:
        with pytest.raises(Invalid, match="vector"):
            index.near(SPACE, vector, everyone, limit=1)
        with pytest.raises(Invalid, match="vector"):
            self.put(index, world, world.asset(), vector)

    def test_a_space_keeps_its_dimensions(self, index: VectorIndex) -> None:
        index.ensure(SPACE, 4)
        with pytest.raises(Invalid, match=r"dimensions"):
            index.ensure(SPACE, 5)
        with pytest.raises(Invalid, match="not a name"):
            index.ensure("not a name", 4)

    def test_an_unknown_space_is_empty(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        assert index.near("text/none@1", EAST, everyone, limit=3) == []
        assert index.vector("text/none@1", world.tenant, world.tenant) is None
        index.delete("text/none@1", world.tenant, world.tenant)

    def test_agrees_with_comparing_every_vector(
        self, index: VectorIndex, world: World, everyone: Scope
    ) -> None:
        draw = random.Random(3)
        vectors = [[draw.gauss(0, 1) for _ in range(4)] for _ in range(30)]
        segments = self.put(index, world, world.asset(), *vectors)
        query = [draw.gauss(0, 1) for _ in range(4)]
        best = sorted(
            zip(vectors, segments, strict=True), key=lambda each: -_cosine(each[0], query)
        )
        found = index.near(SPACE, query, everyone, limit=5)
        assert [match.segment for match in found] == [segment for _, segment in best[:5]]

    @staticmethod
    def _found(index: VectorIndex, caller: Caller) -> list[UUID]:
        return [match.segment for match in index.near(SPACE, EAST, scope(caller), limit=10)]


def _row(world: World, asset: UUID, segment: UUID, vector: list[float]) -> VectorRow:
    return VectorRow(ids.derived(segment, SPACE), world.tenant, segment, asset, vector)


def _cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)
