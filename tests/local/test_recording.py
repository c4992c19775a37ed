"""Recordings: what is tolerated, what is told, and the plugin that replays them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dataflux.errors import Invalid
from local import recording
from local.client import Failed
from local.recording import TOLERANCES, differences
from tests.e2e.running import emulator

SEGMENT = {
    "type": "scene",
    "start": {"time": 1.0},
    "end": {"time": 4.0, "xywh": [10.0, 10.0, 20.0, 20.0]},
    "texts": [{"source": "spoken", "language": "en", "body": "and so my fellow americans ask"}],
    "features": {"visual.colors": {"dominant": "red", "share": 0.5}},
    "renditions": {"thumbnail": 1},
}
OUTCOME: dict[str, Any] = {
    "asset": {"status": "completed", "reason": None, "size": 10},
    "events": {"segment.indexed": 4},
    "segments": [SEGMENT, SEGMENT],
}


def changed(**inside: Any) -> dict[str, Any]:
    return {**OUTCOME, "segments": [{**SEGMENT, **inside}, SEGMENT]}


def told(now: dict[str, Any], **limits: float) -> list[str]:
    return list(differences(OUTCOME, now, {**TOLERANCES, **limits}))


def body(text: str) -> list[dict[str, str]]:
    return [{"source": "spoken", "language": "en", "body": text}]


@pytest.mark.parametrize(
    "now",
    [
        OUTCOME,
        changed(start={"time": 1.15}),
        changed(end={"time": 4.0, "xywh": [10.9, 9.1, 20.0, 20.0]}),
        changed(texts=body("and so my fellow american ask")),
        changed(features={"visual.colors": {"dominant": "red", "share": 0.51}}),
    ],
)
def test_what_is_near_enough_is_no_difference(now: dict[str, Any]) -> None:
    assert told(now) == []


@pytest.mark.parametrize(
    ("now", "line"),
    [
        (changed(start={"time": 1.3}), "segments[0].start.time: was 1.0, is 1.3"),
        (changed(end={"time": 4.0, "xywh": [12.0, 10.0, 20.0, 20.0]}), "segments[0].end.xywh[0]"),
        (changed(texts=body("something else entirely")), "segments[0].texts[0].body"),
        (changed(texts=[]), "segments[0].texts: there were 1, now there are 0"),
        (changed(type="frame"), 'segments[0].type: was "scene", is "frame"'),
        (changed(features={"visual.colors": {"dominant": "blue", "share": 0.5}}), "dominant"),
        (changed(features={"visual.colors": {"dominant": "red", "share": 0.9}}), "share"),
        (changed(features={}), "segments[0].features.visual.colors: was"),
        (changed(renditions={"thumbnail": 2}), "renditions.thumbnail: was 1, is 2"),
        ({**OUTCOME, "events": {"segment.indexed": 5}}, "events.segment.indexed: was 4, is 5"),
        ({**OUTCOME, "segments": [SEGMENT]}, "segments: there were 2, now there are 1"),
        ({**OUTCOME, "asset": {**OUTCOME["asset"], "status": "failed"}}, "asset.status"),
        ({**OUTCOME, "asset": {**OUTCOME["asset"], "reason": "empty"}}, "asset.reason: was null"),
    ],
)
def test_what_is_not_is_told_with_its_place(now: dict[str, Any], line: str) -> None:
    (found,) = told(now)
    assert line in found


def test_what_a_busy_machine_sends_again_counts_once() -> None:
    """The relay publishes twice what it cannot know to be out; reconcile announces work again."""
    fact = {"id": "1", "type": "io.dataflux.segment.indexed", "data": {"segment": "s"}}
    work = {"id": "2", "type": "io.dataflux.work.segment", "data": {"piece": "p"}}
    again, other = {**work, "id": "3"}, {**work, "id": "4", "data": {"piece": "q"}}
    found = recording.once([fact, work, fact, again, other])
    assert [event["id"] for event in found] == ["1", "3", "4"]


def test_tolerances_can_be_set() -> None:
    assert told(changed(start={"time": 2.0}), time=1.0) == []
    assert told({**OUTCOME, "events": {"segment.indexed": 5}}, count=0.25) == []
    assert told(changed(texts=body("and so my fellow american ask")), text=1.0)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recording.json"
    for text, why in (
        ("{", "no recording"),
        ('{"format": "dataflux-recording/9"}', "this release reads"),
        ('{"format": "dataflux-recording/1", "tolerances": {"tyme": 1}}', "no tolerances"),
    ):
        file.write_text(text)
        with pytest.raises(Invalid, match=why):
            recording.read(file)


@pytest.fixture(scope="module")
def recorded() -> Iterator[Path]:
    """Two recordings of one asset: one as it was, one with another text and a wrong count."""
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as name:
        folder, text = Path(name, "recordings"), "# Notes\n\nOtters sleep in kelp.\n"
        with emulator(Path(name, "home")) as running:
            (running.inbox / "notes.md").write_text(text)
            (asset,) = running.wait_until_done({"notes.md"})
            running.client.post(f"/assets/{asset['id']}/replay", json={"from": "project"})
            for each in ("right", "wrong"):
                recording.record(running.client, asset["id"], folder / each)
            with pytest.raises(Invalid, match="holds other things"):
                recording.record(running.client, asset["id"], Path(name))
            with pytest.raises(Failed):
                recording.record(running.client, "07ea1f2c-0000-8000-8000-000000000001", folder)
        about = json.loads((folder / "wrong/recording.json").read_text())
        about["outcome"]["segments"][0]["texts"][0]["body"] = "Badgers dig setts."
        about["outcome"]["events"]["segment.indexed"] += 1
        (folder / "wrong/recording.json").write_text(json.dumps(about))
        yield folder


@pytest.mark.long
def test_a_recording_has_the_file_its_events_and_what_was_found(recorded: Path) -> None:
    about = recording.read(recorded / "right/recording.json")
    assert (recorded / "right/original.md").read_text().startswith("# Notes")
    assert about["outcome"]["asset"]["status"] == "completed"
    lines = (recorded / "right/events.jsonl").read_text().splitlines()
    assert len(lines) == sum(about["outcome"]["events"].values())
    assert {"object.created", "work.segment", "segment.indexed"} <= set(about["outcome"]["events"])
    text = json.dumps(about["outcome"])
    assert "Otters sleep in kelp." in text
    assert json.loads(lines[0])["entityid"] not in text  # ids are drawn anew each time


def _pytest(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest in a process of its own, with our plugin and no other."""
    command = [sys.executable, "-m", "pytest", "-p", "local.pytest_plugin", "-q", *options]
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


@pytest.mark.long
def test_pytest_replays_recordings(recorded: Path) -> None:
    ran = _pytest(recorded)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "1 failed, 1 passed" in ran.stdout
    assert 'segments[0].texts[0].body: was "Badgers dig setts.", is ' in ran.stdout
    assert "events.segment.indexed: was" in ran.stdout
    assert "record it again" in ran.stdout


def test_other_files_of_that_name_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text('{"something": "else"}')
    ran = _pytest(tmp_path, "--collect-only")
    assert ran.returncode == 5, ran.stdout + ran.stderr  # nothing was collected
