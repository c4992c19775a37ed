"""The event types: their data, their topics, their bytes."""

from dataclasses import replace
from typing import Any

import pytest

from dataflux.errors import Invalid
from events import codec
from events.samples import DATA, sample
from events.topics import TOPICS, topic_of
from events.types import TYPES, Purpose, validate
from schemas.names import Lane, Stage
from tests.events.golden import GOLDEN

ALL = sorted(TYPES)


@pytest.mark.parametrize("name", ALL)
def test_the_bytes_of_an_event_never_change(name: str) -> None:
    kept = (GOLDEN / f"{name}.json").read_bytes().removesuffix(b"\n")
    assert codec.dumps(sample(name)) == kept
    assert codec.loads(kept) == sample(name)


def test_there_is_a_golden_file_for_each_type_and_no_other() -> None:
    assert sorted(path.stem for path in GOLDEN.iterdir()) == ALL == sorted(DATA)


@pytest.mark.parametrize("name", ALL)
def test_every_type_has_a_declared_topic(name: str) -> None:
    topic = TOPICS[topic_of(sample(name))]
    assert topic.partitions >= 1
    assert topic.retention_s > 0


def test_work_has_a_topic_for_each_stage_and_lane_with_more_partitions_than_workers() -> None:
    work = {name: t.partitions for name, t in TOPICS.items() if name.startswith("dataflux.work.")}
    assert set(work) == {f"dataflux.work.{stage}.{lane}" for stage in Stage for lane in Lane}
    assert (work["dataflux.work.segment.high"], work["dataflux.work.segment.low"]) == (6, 4)


def test_work_is_keyed_by_its_piece_and_all_else_by_its_lineage() -> None:
    keys = {name: TOPICS[topic_of(sample(name))].key for name in TYPES}
    work = {name for name, model in TYPES.items() if model.purpose is Purpose.WORK}
    assert work == {f"work.{stage}" for stage in Stage}
    assert {name for name, key in keys.items() if key == "piece"} == work
    assert {key for name, key in keys.items() if name not in work} == {"lineage"}


def test_triggers_start_something_that_nothing_of_ours_has_led_to() -> None:
    triggers = {name for name, model in TYPES.items() if model.purpose is Purpose.TRIGGER}
    assert triggers == {"object.created", "timer.tick"}


def test_work_goes_to_the_topic_of_its_lane() -> None:
    event = sample("work.analyze")
    low = replace(event, extensions={**event.extensions, "lane": "low"})
    assert topic_of(low) == "dataflux.work.analyze.low"
    assert topic_of(replace(event, extensions={})) == "dataflux.work.analyze.normal"


@pytest.mark.parametrize("name", ALL)
def test_valid_data_is_read_as_its_model(name: str) -> None:
    found = validate(sample(name))
    assert type(found) is TYPES[name]
    assert found.model_dump(mode="json", exclude_unset=True) == DATA[name]


@pytest.mark.parametrize("name", ALL)
def test_every_missing_field_is_named(name: str) -> None:
    required = {n for n, field in TYPES[name].model_fields.items() if field.is_required()}
    with pytest.raises(Invalid) as raised:
        validate(replace(sample(name), data={}))
    assert set(raised.value.fields) == required
    assert all(field in str(raised.value) for field in required)


@pytest.mark.parametrize(
    ("name", "change", "bad"),
    [
        ("asset.uploaded", {"asset": "x", "size": -1}, {"asset", "size"}),
        ("segment.embedded", {"spaces": [], "row": None}, {"spaces", "row"}),
        ("segment.analyzed", {"domains": ["visual", 7]}, {"domains.1"}),
        ("asset.segmented", {"counts": {"segments": -1}}, {"counts.segments"}),
        ("relationship.created", {"strength": 1.01}, {"strength"}),
        ("asset.processing_completed", {"status": "running"}, {"status"}),
        ("object.created", {"priority": 11, "key": "x" * 4097}, {"priority", "key"}),
        ("version.created", {"version": 1}, {"version"}),
        ("error.critical", {"reason": "it broke"}, {"reason"}),
        ("timer.tick", {"timer": ""}, {"timer"}),
    ],
)
def test_every_bad_field_is_named(name: str, change: dict[str, Any], bad: set[str]) -> None:
    event = sample(name)
    with pytest.raises(Invalid) as raised:
        validate(replace(event, data={**event.data, **change}))
    assert set(raised.value.fields) == bad
    assert event.id in str(raised.value)


def test_a_stage_outside_the_list_is_refused() -> None:
    event = sample("asset.processing_failed")
    with pytest.raises(Invalid) as raised:
        validate(replace(event, data={**event.data, "stage": "lunch"}))
    assert {name.partition(".")[0] for name in raised.value.fields} == {"stage"}


@pytest.mark.parametrize(
    "type", ["io.dataflux.asset.eaten", "asset.uploaded", "com.example.asset.uploaded"]
)
def test_an_unknown_type_is_refused_with_those_that_are_known(type: str) -> None:
    with pytest.raises(Invalid, match=r"asset\.uploaded.*work\.stitch"):
        validate(replace(sample("asset.uploaded"), type=type))


def test_what_a_newer_writer_adds_is_kept() -> None:
    event = sample("timer.tick")
    found = validate(replace(event, data={**event.data, "later": 1}))
    assert found.model_dump()["later"] == 1
