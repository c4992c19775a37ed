"""Analyzers that do wrong, each in its own way."""

from collections.abc import Mapping

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment


class Unspecified(BaseAnalyzer):
    """Says too little of itself."""

    spec = AnalyzerSpec("Un specified", "1", emits=("smell",))

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        return None


class Unloadable(BaseAnalyzer):
    """Lacks its model."""

    spec = AnalyzerSpec("unloadable", "1", emits=("style",), cost=Cost(1))

    def load(self) -> None:
        raise FileNotFoundError("weights.bin")

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        return None


class Undeclared(BaseAnalyzer):
    """Finds what it does not declare."""

    spec = AnalyzerSpec("undeclared", "1", emits=("style",), cost=Cost(1))

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        return AnalysisResult({"semantic": {"mood": "grim"}})


class Raising(BaseAnalyzer):
    """Has a bug."""

    spec = AnalyzerSpec("raising", "1", emits=("style",), cost=Cost(1))

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        raise KeyError(segment.type)


class Hanging(BaseAnalyzer):
    """Never comes back."""

    spec = AnalyzerSpec("hanging", "1", emits=("style",), cost=Cost(1))

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        while True:
            pass
