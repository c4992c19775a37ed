"""A few changed files of every kind: this process outlives them, and each ends with a reason."""

import io
import random
import zipfile
from collections.abc import Iterator

import pytest

from analyzers.sandbox import Sandbox
from tests.fuzz.harness import READ, Ending, ending, sandboxed
from tests.fuzz.mutations import mutated
from tests.fuzz.run import GROWTH, Kind, Report, case, run
from tests.fuzz.seeds import KINDS, seed

SEED = 20_261_124
EACH = 6
REFUSED = {
    "avi": "unsupported_media_type",
    "bmp": "unsupported_media_type",
    "zip": "archive_not_accepted",
}
"""Kinds that are not read at all."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandboxed() as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_mutated_can_be_read(sandbox: Sandbox, kind: str) -> None:
    """Else only the refusal would be tested. The films are as narrow as small copies of others."""
    found = ending(sandbox, seed(kind).data, seed(kind).filename)
    assert found.reason == REFUSED.get(kind, READ), found.detail


def test_changed_files_end_with_a_reason() -> None:
    report = run(SEED, KINDS, range(EACH))
    assert report.wrong() == []
    assert sum(kind.reasons.total() for kind in report.kinds) == EACH * len(KINDS)
    assert len({reason for kind in report.kinds for reason in kind.reasons}) > 3
    assert report.health.took


@pytest.mark.parametrize("kind", ["mkv", "ogg", "docx", "xlsx", "eml", "png"])
def test_a_case_is_the_same_again(kind: str) -> None:
    first = [case(SEED, kind, number) for number in range(20)]
    seed.cache_clear()
    assert [case(SEED, kind, number) for number in range(20)] == first
    assert len(set(first)) > 15


def test_a_report_says_what_must_not_be() -> None:
    kind = Kind("gif")
    kind.add(3, Ending("internal_error", "KeyError", 0.1))
    kind.add(4, Ending("raised ValueError", "", 0.1))
    kind.add(5, Ending("corrupt_media", "", 0.1))
    kind.add(6, Ending("decoder_crashed", "SIGSEGV", 0.1))
    report = Report(kinds=[kind], grown=GROWTH + 1, left={"x"}, descriptors=1)
    assert [wrong.split(":")[0] for wrong in report.wrong()[:2]] == ["gif case 3", "gif case 4"]
    assert len(report.wrong()) == 5
    assert len(report.contained()) == 1


def test_mutations_reach_into_archives() -> None:
    data, changed = seed("docx").data, 0
    for number in range(20):
        made = mutated("docx", data, data, random.Random(number))
        try:
            with zipfile.ZipFile(io.BytesIO(made)) as archive:
                changed += archive.testzip() is None and made != data
        except zipfile.BadZipFile:
            continue
    assert changed > 8
