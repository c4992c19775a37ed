"""Objects that come into buckets: taken in once, in place, by their source, and never lost."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from dataflux.errors import Conflict, Unavailable
from functions.letters import Action, settle
from functions.notify.handler import handle
from functions.reconcile import buckets
from functions.targets import BY_NAME
from functions.work import Write
from stores.objects import buckets as stored
from stores.records import assets, dead_letters, people, sources, tenants
from stores.records.assets import Asset, Listed
from stores.records.dead_letters import Selection, StoredLetter
from tests.fixtures.bucketed import Bucketed
from tests.fixtures.platform import admin_of

NOTES = b"# Notes\n\nOtters sleep in kelp.\n"
HARD = "in/a b+c%41 100% ünïcödé 日本🎬.md"


def _assets(bucketed: Bucketed) -> list[Asset]:
    platform = bucketed.platform
    platform.pump()
    read = platform.deps.engine.read
    caller = admin_of(platform)
    return list(read(caller.tenant, assets.page, caller, Listed()))


def _letters(bucketed: Bucketed) -> list[StoredLetter]:
    with bucketed.platform.deps.engine.system("admin") as conn:
        return dead_letters.page(conn, Selection())


@pytest.mark.parametrize("key", [HARD, "x" * 1021 + ".md"])
def test_an_object_is_taken_in_where_it_lies(bucketed: Bucketed, key: str) -> None:
    source = bucketed.add_source("media", lane="high")
    record = bucketed.put(key, NOTES)
    assert bucketed.tell(record) == {"taken": 1, "known": 0, "ignored": 0, "kept": 0}
    (asset,) = _assets(bucketed)
    assert asset.processing_status == "completed"
    assert asset.file_hash == hashlib.sha256(NOTES).hexdigest()
    assert asset.source_id == source.id
    assert asset.filename.endswith(key[-20:].rpartition("/")[2])
    assert asset.storage_path.startswith(f"s3://{bucketed.bucket}/")
    assert asset.processing_priority == 3
    assert not list(bucketed.platform.deps.objects.list("originals/"))


def test_a_notification_that_comes_again_changes_nothing(bucketed: Bucketed) -> None:
    bucketed.add_source("media")
    record = bucketed.put("a.md", NOTES)
    assert bucketed.tell(record, record)["taken"] == 1
    (asset,) = _assets(bucketed)
    assert bucketed.tell(record) == {"taken": 0, "known": 1, "ignored": 0, "kept": 0}
    assert _assets(bucketed) == [asset]


def test_overwriting_a_key_makes_a_version(bucketed: Bucketed) -> None:
    bucketed.add_source("media")
    records = [bucketed.put("a.md", NOTES + b"%d\n" % n) for n in range(3)]
    assert bucketed.tell(*records)["taken"] == 3
    (asset,) = _assets(bucketed)
    assert asset.version == 3
    deps = bucketed.platform.deps
    found = deps.engine.read(bucketed.platform.caller.tenant, assets.versions, asset.lineage)
    hashes = [hashlib.sha256(NOTES + b"%d\n" % n).hexdigest() for n in range(3)]
    assert sorted(v.file_hash for v in found) == sorted(hashes)


def test_what_others_have_meanwhile_put_there_is_not_read(bucketed: Bucketed) -> None:
    """A bucket that keeps no versions: the first object is gone when its turn comes."""
    bucketed.s3.put_bucket_versioning(
        Bucket=bucketed.bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    bucketed.add_source("media")
    bucketed.tell(bucketed.put("a.md", NOTES))
    bucketed.put("a.md", NOTES + b"other\n")
    assert _assets(bucketed) == []
    assert buckets.sweep(bucketed.platform.deps) == 1
    (asset,) = _assets(bucketed)
    assert (asset.version, asset.file_size) == (1, len(NOTES) + 6)


def test_what_brings_nothing_in_is_ignored(bucketed: Bucketed) -> None:
    bucketed.add_source("media")
    folder = bucketed.put("folder/", b"")
    removed = bucketed.record("a.md") | {"eventName": "ObjectRemoved:DeleteMarkerCreated"}
    gone = bucketed.record("was-never-there.md")
    test = {"eventName": "s3:TestEvent"}
    told = bucketed.tell(folder, removed, gone, test)
    assert told == {"taken": 0, "known": 0, "ignored": 4, "kept": 0}


def test_the_longest_prefix_wins(bucketed: Bucketed) -> None:
    outer = bucketed.add_source("outer")
    inner = bucketed.add_source("inner", "in/")
    bucketed.add_source("innermost", "in/side/")
    bucketed.tell(bucketed.put("in/a.md", NOTES), bucketed.put("inn/b.md", NOTES + b"b"))
    assert {a.filename: a.source_id for a in _assets(bucketed)} == {
        "a.md": inner.id,
        "b.md": outer.id,
    }


def test_what_no_source_takes_is_kept_until_one_does(bucketed: Bucketed) -> None:
    record = bucketed.put("a.md", NOTES)
    assert bucketed.tell(record)["kept"] == 1
    assert bucketed.tell(record)["kept"] == 1
    (letter,) = [x for x in _letters(bucketed) if bucketed.bucket in x.detail]
    assert (letter.function, letter.reason, letter.attempts) == ("notify", "unknown_source", 2)
    (refused,) = settle(bucketed.platform.deps, [letter], Action.RETRY, dry_run=False)
    assert "add one" in str(refused.refused)
    bucketed.add_source("media")
    (done,) = settle(bucketed.platform.deps, [letter], Action.RETRY, dry_run=False)
    assert done.refused is None
    assert len(_assets(bucketed)) == 1


def test_what_is_not_understood_is_kept(bucketed: Bucketed) -> None:
    before = {x.id for x in _letters(bucketed)}
    for raw in (b"no JSON \xff", b'{"event": "backup"}'):
        assert handle(raw, bucketed.platform.deps, "queue")["kept"] == 1
    letters = [x for x in _letters(bucketed) if x.id not in before]
    assert {x.reason for x in letters} == {"invalid_event"}
    assert {x.detail for x in letters} == {
        "a notification is no JSON",
        "no notification of an object store is known with the fields event",
    }


def test_a_lost_notification_is_found(bucketed: Bucketed) -> None:
    bucketed.add_source("media", "in/")
    told = bucketed.put("in/told.md", NOTES)
    bucketed.put("in/lost.md", NOTES + b"lost")
    bucketed.put("in/folder/", b"")
    bucketed.put("outside.md", NOTES + b"outside")
    bucketed.tell(told)
    deps = bucketed.platform.deps
    assert buckets.sweep(deps) == 1
    assert buckets.sweep(deps) == 0
    assert sorted(a.filename for a in _assets(bucketed)) == ["lost.md", "told.md"]


def test_a_sweep_goes_on_where_it_was(bucketed: Bucketed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PAGE", 2)
    monkeypatch.setattr(buckets, "PAGES", 1)
    source = bucketed.add_source("media")
    keys = [f"{n}.md" for n in range(5)]
    for key in keys:
        bucketed.put(key, NOTES + key.encode())
    deps = bucketed.platform.deps
    assert [buckets.sweep(deps) for _ in range(5)] == [2, 2, 1, 0, 0]
    (now,) = [s for s in deps.engine.read(source.tenant_id, sources.all_of) if s.id == source.id]
    assert now.swept_to == ""
    assert sorted(a.filename for a in _assets(bucketed)) == keys


def test_a_bucket_that_is_down_keeps_no_other_waiting(bucketed: Bucketed) -> None:
    bucketed.add_source("media")
    gone = Bucketed(bucketed.platform, bucketed.s3, "no-such-bucket")
    with bucketed.platform.deps.engine.system("admin") as conn:
        conn.execute("DELETE FROM sources WHERE bucket = 'no-such-bucket'")
    gone.add_source("gone")
    bucketed.put("a.md", NOTES)
    assert buckets.sweep(bucketed.platform.deps) == 1
    with pytest.raises(Unavailable, match="its bucket does not exist"):
        gone.platform.deps.buckets.page("no-such-bucket", "", "")


def test_a_source_that_is_removed_takes_nothing_and_comes_back_as_it_was(
    bucketed: Bucketed,
) -> None:
    source = bucketed.add_source("media")
    bucketed.tell(bucketed.put("a.md", NOTES))
    deps = bucketed.platform.deps
    deps.engine.write("api", source.tenant_id, [Write(sources.remove, (source.id,))])
    assert bucketed.tell(bucketed.put("b.md", NOTES + b"b"))["kept"] == 1
    assert [a.filename for a in _assets(bucketed)] == ["a.md"]
    again = bucketed.add_source("again")
    assert again.id == source.id
    assert buckets.sweep(deps) == 1
    assert sorted(a.filename for a in _assets(bucketed)) == ["a.md", "b.md"]


def test_no_tenant_takes_what_is_anothers(bucketed: Bucketed) -> None:
    bucketed.add_source("media", "ours/")
    other, owner = uuid4(), uuid4()
    with bucketed.platform.deps.engine.session(other, "admin") as conn:
        tenants.create(conn, other, str(other))
        people.create_user(conn, owner, "owner")
    theirs: dict[str, Any] = {"tenant_id": other, "owner_id": owner}
    for prefix in ("", "ours/", "ours/deeper/"):
        with pytest.raises(Conflict, match="another tenant's"):
            bucketed.add_source("media", prefix, **theirs)
    bucketed.add_source("media", "theirs/", **theirs)
    with pytest.raises(Conflict, match="name is taken"):
        bucketed.add_source("media", "more/", **theirs)
    with pytest.raises(Conflict, match="bucket and prefix is taken"):
        bucketed.add_source("more", "theirs/", **theirs)
    bucketed.tell(bucketed.put("theirs/a.md", NOTES))
    assert _assets(bucketed) == []


def test_versions_that_are_told_at_once_are_of_one_lineage(bucketed: Bucketed) -> None:
    source = bucketed.add_source("media")
    records = [bucketed.put("a.md", NOTES + b"%d\n" % n) for n in range(8)]
    together = threading.Barrier(len(records))

    def tell(record: dict[str, Any]) -> int:
        together.wait()
        return bucketed.tell(record)["taken"]

    with ThreadPoolExecutor(len(records)) as threads:
        assert sum(threads.map(tell, records)) == len(records)
    deps = bucketed.platform.deps
    with deps.engine.session(source.tenant_id, "app") as conn:
        lineages = conn.execute("SELECT DISTINCT lineage FROM arrivals WHERE key = 'a.md'")
        assert len(lineages.fetchall()) == 1
    (asset,) = _assets(bucketed)
    assert asset.version == len(records)


def test_an_object_that_vanishes_later_is_the_reason(bucketed: Bucketed) -> None:
    bucketed.add_source("media")
    bucketed.tell(bucketed.put("a.md", NOTES))
    platform = bucketed.platform
    ingest = BY_NAME["ingest"]
    consumer = platform.deps.bus.subscribe(ingest.name, ingest.topics)
    platform.run(ingest, consumer.poll(1, 0))
    found = bucketed.s3.list_object_versions(Bucket=bucketed.bucket)
    for version in found["Versions"]:
        bucketed.s3.delete_object(
            Bucket=bucketed.bucket, Key="a.md", VersionId=version["VersionId"]
        )
    (asset,) = _assets(bucketed)
    assert (asset.processing_status, asset.reason) == ("failed", "object_missing")
