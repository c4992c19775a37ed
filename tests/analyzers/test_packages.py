"""Analyzers of other people, in packages that are built and installed as theirs would be."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from analyzers.api import Segment
from analyzers.contract import FeatureContract
from analyzers.registry import Registry
from analyzers.sandbox import Limits, Sandbox
from functions.api.analyzers import list_analyzers
from stores.records import assets, moments
from tests.fixtures.light import LIGHT
from tests.fixtures.platform import Platform

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "tests/packages"
GUIDE = ROOT / "docs/writing-an-analyzer.md"
FAULTY = ("unimportable", "unspecified", "unloadable", "undeclared", "raising", "hanging")


def jpeg(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both packages are installed."""
    sources, place = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("site")
    shutil.copytree(PACKAGES, sources, dirs_exist_ok=True)
    command = [*(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps")]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(place)]
    folders = [str(sources / name) for name in ("dominant_hue", "troublesome")]
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    subprocess.run([*command, *folders], check=True, env=environment)
    return place


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@contextmanager
def allowing(platform: Platform, *names: str) -> Iterator[Platform]:
    """Run the platform with ours and the installed analyzers of these names."""
    registry = Registry.load(names)
    registry = replace(registry, entries=(*LIGHT, *registry.entries[-len(names) :]))
    sandbox = Sandbox(registry, limits=Limits(wall_s=2))
    platform.deps = replace(platform.deps, registry=registry, sandbox=sandbox)
    try:
        yield platform
    finally:
        sandbox.close()


def found_in(platform: Platform, data: bytes) -> tuple[assets.Asset, dict[str, object]]:
    """Process a picture; return its asset and its features by analyzer and type."""
    received = platform.drop("picture.jpg", data)
    platform.pump()
    engine, tenant = platform.deps.engine, platform.caller.tenant
    asset = engine.read(tenant, assets.get, received.lineage)
    (segment,) = engine.read(tenant, moments.page, asset.id)
    features = engine.read(tenant, moments.features, asset.lineage, [segment.id])
    return asset, {f"{f.analyzer_version} {f.feature_type}": f.feature_data for f in features}


@pytest.mark.usefixtures("installed")
def test_an_installed_package_is_used_when_it_is_allowed(platform: Platform) -> None:
    with allowing(platform, "dominant-hue"):
        asset, found = found_in(platform, jpeg("blue"))
        known = {
            item["id"]: item for item in list_analyzers(platform.deps, platform.caller)["items"]
        }
    assert asset.processing_status == "completed"
    assert found["dominant-hue@1 hue"] == {"name": "blue"}
    assert known["dominant-hue@1"]["origin"] == "dataflux-dominant-hue"
    assert known["dominant-hue@1"]["cost"] == {"cpu_s": 0.02, "per": "segment"}


@pytest.mark.usefixtures("installed")
def test_those_that_do_wrong_leave_what_others_find(platform: Platform) -> None:
    with allowing(platform, *FAULTY, "dominant-hue"):
        asset, found = found_in(platform, jpeg("red"))
        known = list_analyzers(platform.deps, platform.caller)["items"]
        (failed,) = platform.facts("asset.processing_completed")
        with platform.deps.engine.session(platform.caller.tenant) as conn:
            (failures,) = conn.execute(
                "SELECT output -> 'failures' FROM pieces WHERE stage = 'analyze'"
            ).fetchone() or ([],)
    assert asset.processing_status == failed.data["status"] == "degraded"
    assert found["dominant-hue@1 hue"] == {"name": "red"}
    assert "appearance@1 colors" in found
    said = {failure["analyzer"]: (failure["reason"], failure["detail"]) for failure in failures}
    assert said == {
        "hanging@1": ("decode_timeout", "hanging@1: took too long"),
        "raising@1": ("internal_error", "raising@1: KeyError"),
        "undeclared@1": (
            "analyzer_invalid_output",
            "undeclared@1: gives semantic, which it does not declare in emits",
        ),
        "unloadable@1": ("model_unavailable", "unloadable@1: FileNotFoundError: weights.bin"),
    }
    problems = {item["id"]: item["problem"] for item in known if item["state"] != "ready"}
    assert problems["unloadable@1"] == "FileNotFoundError: weights.bin"
    assert "RuntimeError: needs a licence key" in problems["unimportable:Unimportable"]
    assert "it declares no cost" in problems["troublesome:Unspecified"]
    assert "(of dataflux-troublesome)" in problems["troublesome:Unspecified"]


@pytest.fixture(scope="class")
def installed_for_all(site: Path) -> Iterator[None]:
    sys.path.insert(0, str(site))
    yield
    sys.path.remove(str(site))
    sys.modules.pop("dominant_hue", None)


@pytest.mark.usefixtures("installed_for_all")
class TestDominantHue(FeatureContract):
    entry = "dominant_hue:DominantHue"

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [Segment("image", {}, {}, key="0", renditions={"keyframe": jpeg("green")})]


def test_the_guide_shows_the_package_that_is_tested() -> None:
    shown = re.findall(r"```(?:toml|python)\n(.*?)```", GUIDE.read_text(), re.DOTALL)[:2]
    folder = PACKAGES / "dominant_hue"
    kept = [(folder / name).read_text() for name in ("pyproject.toml", "dominant_hue.py")]
    assert shown == kept
    assert sum(text.count("\n") for text in kept) < 40
