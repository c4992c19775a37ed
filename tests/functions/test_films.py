"""A film with words through every function: decoded once, and played from what was kept."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import av
import numpy as np
import pytest
from fastapi.testclient import TestClient

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from functions.api.app import create_app
from schemas.names import Stage
from stores.records import assets, trace
from stores.records.database import Database
from tests.analyzers.video.films import film, scenes
from tests.fixtures.platform import Platform, assembled

SPEECH = Path(__file__).parents[1] / "media" / "jfk.flac"


@pytest.fixture(scope="module")
def whole_sandbox() -> Iterator[tuple[Registry, Sandbox]]:
    registry = Registry()
    sandbox = Sandbox(registry)
    yield registry, sandbox
    sandbox.close()


@pytest.fixture
def studio(
    database: Database, tenant: UUID, tmp_path: Path, whole_sandbox: tuple[Registry, Sandbox]
) -> Iterator[Platform]:
    """A platform with all analyzers that makes a proxy of every film."""
    with assembled(database, tenant, tmp_path, whole_sandbox) as made:
        settings = made.deps.settings.model_copy(update={"proxy": "always"})
        yield replace(made, deps=replace(made.deps, settings=settings))


def spoken_film() -> bytes:
    """Return four seconds in two scenes, with the beginning of a speech."""
    with av.open(str(SPEECH)) as container:
        resampler = av.AudioResampler("flt", "mono", 48_000)
        resampled = (f for s in container.decode(audio=0) for f in resampler.resample(s))
        sound = np.concatenate([frame.to_ndarray()[0] for frame in resampled])
    return film(scenes(50, 50), sound=sound[: 4 * 48_000])


@pytest.mark.long
def test_nothing_after_segmentation_opens_the_original(studio: Platform) -> None:
    received = studio.drop("film.mp4", spoken_film())
    studio.pump(only="ingest")
    studio.pump(only="segment")
    asset = studio.deps.engine.read(studio.caller.tenant, assets.get, received.lineage)
    studio.deps.objects.delete(asset.storage_path)
    studio.pump()
    asset = studio.deps.engine.read(studio.caller.tenant, assets.get, received.lineage)
    assert asset.processing_status == "completed"
    assert asset.indexed_at is not None
    (run,) = studio.deps.engine.read(studio.caller.tenant, trace.trace, asset.id)
    assert {stage.stage for stage in run.stages} == set(Stage) - {Stage.CHAPTERS}
    _is_played_in_ranges(studio, asset.id)


def _is_played_in_ranges(studio: Platform, asset: UUID) -> None:
    app = TestClient(create_app(studio.deps), headers={"authorization": f"Bearer {studio.token}"})
    listed = {r["kind"]: r for r in app.get(f"/api/v1/assets/{asset}").json()["renditions"]}
    assert "proxy_part" not in listed
    place = f"/api/v1/assets/{asset}/renditions/proxy"
    whole = app.get(place)
    assert whole.headers["content-type"] == "video/webm"
    assert len(whole.content) == listed["proxy"]["size"]
    middle = listed["proxy"]["size"] // 2
    asked = (f"bytes=0-{middle - 1}", f"bytes={middle}-")
    some = [app.get(place, headers={"range": each}) for each in asked]
    assert b"".join(answer.content for answer in some) == whole.content
    assert {answer.status_code for answer in some} == {206}
    container: Any
    with av.open(io.BytesIO(whole.content)) as container:
        assert len(list(container.decode(video=0))) == 100
