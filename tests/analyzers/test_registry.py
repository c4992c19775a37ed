"""Which analyzers there are, and what keeps one out."""

import math
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from analyzers import registry
from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Embedding
from analyzers.registry import BUILT_IN, Registry
from dataflux.errors import Invalid, NotFound

HERE = "tests.analyzers.test_registry"


class Plugin(BaseAnalyzer):
    spec = AnalyzerSpec("plugin", "2", needs=("keyframe",), cost=Cost(1))

    def analyze_segment(self, segment: object, priorities: object) -> AnalysisResult | None:
        return None


class Twin(Plugin):
    """Has the name of another."""


class Newer(Plugin):
    spec = AnalyzerSpec("newer", "1", api=99)


class Idle(BaseAnalyzer):
    spec = AnalyzerSpec("idle", "1")


class Odd(Plugin):
    spec = AnalyzerSpec("An odd name", "v 1", formats=("png",), emits=("smell",))


class Dear(Plugin):
    spec = AnalyzerSpec(
        "dear",
        "1",
        cost=Cost(math.inf, "hour"),  # type: ignore[arg-type]
    )


class Vague(BaseAnalyzer):
    spec = AnalyzerSpec("vague", "1", emits=("nowhere",))

    def generate_embeddings(self, segment: object) -> list[Embedding]:
        return []


class Formless(BaseAnalyzer):
    spec = AnalyzerSpec("formless", "1")

    def extract_segments(self, file: object, config: object):  # type: ignore[no-untyped-def]
        return iter(())


class Unspecified(BaseAnalyzer):
    """Has no spec."""


class Stranger:
    """Is no analyzer."""


class Distribution:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four distributions: two of them offer an analyzer of the same name."""
    points = []
    for distribution, name, value in (
        ("one-plugin", "plugin", f"{HERE}:Plugin"),
        ("two-plugins", "twin", f"{HERE}:Twin"),
        ("two-plugins", "same", f"{HERE}:Plugin"),
        ("three-plugins", "same", f"{HERE}:Twin"),
        ("odd-plugins", "odd", f"{HERE}:Odd"),
    ):
        point = EntryPoint(name, value, registry.GROUP)
        vars(point)["dist"] = Distribution(distribution)
        points.append(point)
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints(points))


def test_only_what_is_allowed_is_there(installed: None) -> None:
    assert Registry.load().entries == BUILT_IN
    assert [a.spec.id for a in Registry.load(["plugin"]).all][-1] == "plugin@2"


def test_one_that_is_not_installed_is_named(installed: None) -> None:
    with pytest.raises(Invalid, match=r"no analyzer nothing .* odd, plugin, same, twin"):
        Registry.load(["nothing"])


def test_a_name_offered_twice_names_both_distributions(installed: None) -> None:
    with pytest.raises(Invalid, match="three-plugins and two-plugins both offer an analyzer same"):
        Registry.load(["same"])


def test_one_that_cannot_be_used_is_left_out_and_says_why(installed: None) -> None:
    known = Registry.load(["odd", "plugin"])
    assert [a.spec.name for a in known.all][-1] == "plugin"
    ((entry, why),) = known.broken.items()
    assert entry == f"{HERE}:Odd"
    assert "of odd-plugins" in why
    assert "declares no cost" in why


def test_two_analyzers_of_a_name_name_both_distributions(installed: None) -> None:
    with pytest.raises(Invalid, match=r"of one-plugin\) and .*of two-plugins\)"):
        _ = Registry.load(["plugin", "twin"]).all


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("Newer", "written for version 99"),
        ("Idle", "overrides none of"),
        ("Odd", "name 'An odd name' .*version 'v 1' .*'png' is no MIME type; .*emits smell"),
        ("Odd", r"declares no cost; say cost=Cost\(seconds\)"),
        ("Dear", r"per 'hour', none of segment, .*; its cost of inf s is no time"),
        ("Vague", "space 'nowhere' .*how many dimensions"),
        ("Formless", "names no formats"),
        ("Unspecified", "has no spec"),
        ("Stranger", "no analyzer; subclass"),
    ],
)
def test_what_cannot_be_used_is_kept_out(name: str, fault: str) -> None:
    with pytest.raises(Invalid, match=fault):
        _ = Registry((f"{HERE}:{name}",)).all


def test_analyzers_are_found_by_what_they_do() -> None:
    known = Registry()
    assert known.get("video") is known.get("video@1")
    image = known.segmenter_for("image/png")
    assert image is not None
    assert image.spec.name == "image"
    assert known.segmenter_for("application/x-nothing") is None
    assert {"ocr@1", "language@1"} <= set(known.analyzer_ids())
    assert not {"video@1", "visual-fallback@1"} & set(known.analyzer_ids())
    assert {a.spec.name for a in known.embedders("text")} == {"text-fallback"}
    assert {a.spec.name for a in known.embedders()} == {"text-fallback", "visual-fallback"}
    assert {"keyframe", "speech", "scan"} == known.rendition_kinds()
    assert {a.spec.name for a in known.of_pool("ocr")} == {"ocr", "ocr-scan"}
    with pytest.raises(NotFound, match="known: video@1"):
        known.get("video@0")
