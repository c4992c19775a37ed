"""Every hostile file ends with a reason of the closed list, or as what can be read of it."""

from collections.abc import Iterator

import pytest

from analyzers.sandbox import Sandbox
from schemas.names import Reason
from tests.fuzz.harness import ending, sandboxed
from tests.hostile.canary import HOST, Canary, canary
from tests.hostile.case import PARTLY, READ, Bait, Case
from tests.hostile.catalogue import CASES, HEAVY

SECRET = "hunter2 "
MEDIA = {f"M{number}" for number in range(1, 36)} - {"M22", "M23", "M24", "M35"}
"""The kinds of bad media that can be files; test_flow.py has the others."""


@pytest.fixture(scope="module")
def bird() -> Iterator[Canary]:
    with canary() as made:
        yield made
        assert made.visits == []


@pytest.fixture(scope="module")
def bait(bird: Canary, tmp_path_factory: pytest.TempPathFactory) -> Bait:
    secret = tmp_path_factory.mktemp("secret") / "secret.txt"
    secret.write_text(SECRET * 50)
    return Bait(HOST, bird.port, str(secret))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandboxed() as made:
        yield made


PARAMETERS = [
    pytest.param(c, id=c.filename, marks=[pytest.mark.long] if c.what in HEAVY else [])
    for c in CASES
]


@pytest.mark.parametrize("case", PARAMETERS)
def test_it_ends_as_it_should(sandbox: Sandbox, bait: Bait, bird: Canary, case: Case) -> None:
    found = ending(sandbox, case.make(bait), case.filename, number=1)
    assert found.reason in frozenset(Reason) | {"read"}
    expected = {"read" if name in (READ, PARTLY) else name for name in case.endings}
    assert found.reason in expected, found.detail
    if case.limit and found.reason == Reason.DECODE_LIMIT_EXCEEDED:
        assert found.limit == case.limit
    assert bird.visits == []
    assert SECRET not in found.said


def test_the_catalogue_is_whole() -> None:
    assert {case.number for case in CASES} >= MEDIA
    assert {case.what for case in CASES} >= HEAVY
    assert len({case.filename for case in CASES}) == len(CASES) >= 60
