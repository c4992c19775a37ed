from collections import Counter
from collections.abc import Mapping
from io import BytesIO

from analyzers.api import AnalysisResult, AnalyzerSpec, BaseAnalyzer, Cost, Segment

HUES = ("red", "yellow", "green", "cyan", "blue", "magenta")


class DominantHue(BaseAnalyzer):
    spec = AnalyzerSpec("dominant-hue", "1", needs=("keyframe",), emits=("style",), cost=Cost(0.02))

    def load(self) -> None:  # before the child is sealed: nothing can be imported after that
        from PIL import Image

        Image.init()

    def analyze_segment(self, segment: Segment, _: Mapping[str, int]) -> AnalysisResult | None:
        from PIL import Image

        picture = Image.open(BytesIO(segment.renditions["keyframe"])).convert("HSV")
        hues, saturation, _value = picture.split()
        vivid, count = saturation.point(lambda level: 255 * (level > 60)), Counter[str]()
        for hue, dots in enumerate(hues.histogram(vivid)):
            count[HUES[(hue * 6 + 128) // 256 % 6]] += dots
        ((name, most),) = count.most_common(1)
        found, sure = {"hue": {"name": name}}, most / max(count.total(), 1)
        return AnalysisResult({"style": found}, {"style": {"hue": sure}}) if most else None
