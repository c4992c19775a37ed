"""Objects that nothing stands for go; all others stay."""

from uuid import uuid4

import pytest

from functions.reconcile import orphans
from functions.work import Outcome
from stores.records.orphans import Place
from tests.fixtures.platform import Platform

NOTES = b"# Notes\n\nOtters sleep in kelp.\n"


def keys(platform: Platform) -> set[str]:
    return {info.key for info in platform.deps.objects.list("")}


def test_what_a_failed_attempt_has_put_is_swept(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    import functions.stitch.handler as handler

    original, failed = handler.handle, list[str]()

    def fail_once(work, deps):  # type: ignore[no-untyped-def]
        if not failed:
            failed.append(work.put("early.txt", b"x").key)
            raise RuntimeError("after its object")
        outcome: Outcome = original(work, deps)
        return outcome

    monkeypatch.setattr(handler, "handle", fail_once)
    platform.drop("notes.md", NOTES)
    platform.pump()
    before = keys(platform)
    assert orphans.sweep(platform.deps) == 0  # all of it is young
    assert orphans.sweep(platform.deps, older_than_s=0) == 1
    assert before - keys(platform) == set(failed)
    assert orphans.sweep(platform.deps, older_than_s=0) == 0


def test_an_original_without_an_arrival_is_swept(platform: Platform) -> None:
    tenant, objects = platform.caller.tenant, platform.deps.objects
    received = platform.drop("notes.md", NOTES)
    lost = f"originals/{tenant}/{uuid4()}/{uuid4()}"
    foreign = ("originals/notes.md", "other/thing", f"derived/{tenant}/x")
    for key in (lost, *foreign):
        objects.put(key, b"x")
    before = keys(platform)
    orphans.sweep(platform.deps, older_than_s=0)
    assert before - keys(platform) == {lost}
    assert any(str(received.lineage) in key for key in keys(platform))


def test_only_keys_of_ours_are_read() -> None:
    one, two, three, run, claim = (uuid4() for _ in range(5))
    derived = f"derived/{one}/{two}/{run}/stitch/{three}-{claim}/a.png"
    assert Place.of(derived) == Place(derived, one, two, three, claim)
    assert Place.of(f"derived/{one}/{two}/{run}/stitch/{three}/a.png") is None
    assert Place.of(f"originals/{one}/{two}") is None
