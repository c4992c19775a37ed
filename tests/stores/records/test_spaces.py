"""A tenant's own vectors tell what random pairs look like."""

import random

import pytest

from schemas import ids
from stores.ports import VectorRow
from stores.records import spaces
from stores.vectors.pgvector import PgVectorIndex
from tests.world import World

SPACE = "text/test@1"


def _fill(world: World, count: int, per_asset: int = 1) -> None:
    """Vectors that share a direction: the cosine of random pairs is then far from zero."""
    draw, index = random.Random(1), PgVectorIndex(world.session)
    index.ensure(SPACE, 16)
    rows = []
    for n in range(count):
        lineage = ids.derived(world.tenant, n // per_asset)
        vector = [2.0] + [draw.gauss(0, 1) for _ in range(15)]
        rows.append(VectorRow(ids.derived(lineage, n), world.tenant, lineage, lineage, vector))
    index.upsert(SPACE, rows)


def test_what_is_kept_is_returned(world: World) -> None:
    with world.app() as conn:
        assert spaces.calibration(conn, SPACE) is None
        for kept in (spaces.Calibration(0.25, 0.125, 9), spaces.Calibration(0.5, 0.25, 10)):
            spaces.keep(conn, SPACE, kept)
            assert spaces.calibration(conn, SPACE) == kept
    with world.neighbour().app() as conn:
        assert spaces.calibration(conn, SPACE) is None


def test_random_pairs_are_measured(world: World) -> None:
    _fill(world, 120)
    with world.session(world.tenant, "worker") as conn:
        found = spaces.measure(conn, SPACE)
        kept = spaces.calibration(conn, SPACE)
    assert found is not None
    assert kept is not None
    assert (kept.mean, kept.sd) == pytest.approx((found.mean, found.sd))
    assert found.pairs == spaces.PAIRS
    assert found.mean == pytest.approx(4 / 19, abs=0.05)
    assert 0.1 < found.sd < 0.4


@pytest.mark.parametrize(("count", "per_asset"), [(0, 1), (20, 1), (120, 120)])
def test_too_few_pairs_of_different_things_say_nothing(
    world: World, count: int, per_asset: int
) -> None:
    _fill(world, count, per_asset)
    with world.app() as conn:
        assert spaces.measure(conn, SPACE) is None
        assert spaces.calibration(conn, SPACE) is None


def test_an_unknown_space_says_nothing(world: World) -> None:
    with world.app() as conn:
        assert spaces.measure(conn, "text/none@1") is None


def test_words_that_describe_nothing_are_measured_beside_pairs(world: World) -> None:
    _fill(world, 120)
    draw = random.Random(2)
    probes = [[draw.gauss(0, 1) for _ in range(16)] for _ in range(10)]
    with world.session(world.tenant, "worker") as conn:
        assert spaces.measure_words(conn, SPACE, probes[:5]) is None
        found = spaces.measure_words(conn, SPACE, probes)
        assert spaces.calibration(conn, SPACE) is None
        kept = spaces.calibration(conn, spaces.of_words(SPACE))
    assert found is not None
    assert kept is not None
    assert found.pairs == 1200
    assert kept.mean == pytest.approx(found.mean)
    assert abs(found.mean) < 0.2
