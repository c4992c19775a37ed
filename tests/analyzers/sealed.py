"""Run in a process of its own: load every analyzer, then refuse opens and imports and use them all.

Reads [kind, MIME type, base64] a line; the files are made elsewhere, since making them loads
libraries too. Prints one JSON object: what was refused, what raised anything but MediaFailed, how
the files ended.
"""

import base64
import io
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from analyzers.api import Artifact, BaseAnalyzer, Segment
from analyzers.document.segmenter import DocumentSegmenter
from analyzers.embedding.visual import VisualFallback
from analyzers.embedding.words import TextFallback
from analyzers.image.appearance import AppearanceAnalyzer
from analyzers.image.segmenter import ImageSegmenter
from analyzers.text.keywords import KeywordsAnalyzer
from analyzers.text.language import LanguageAnalyzer
from analyzers.text.mentions import MentionsAnalyzer
from analyzers.text.names import NamesAnalyzer
from analyzers.text.ocr import OcrAnalyzer, ScanAnalyzer
from analyzers.text.sentiment import SentimentAnalyzer
from dataflux.errors import MediaFailed

MUTATIONS = 12
refused: list[str] = []
wrong: list[str] = []
endings: Counter[str] = Counter()


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("open", "import") and not isinstance(arguments[0], int):
        refused.append(f"{event} {arguments[0]}")
        raise PermissionError(arguments[0])


def used(name: str, step: Callable[[], Any]) -> Any:
    """Run a step; nothing but MediaFailed may come out of it."""
    try:
        found = step()
    except MediaFailed as error:
        endings[str(error.reason)] += 1
        return None
    except Exception as error:
        wrong.append(f"{name}: {error!r}")
        return None
    endings["read"] += 1
    return found


def whole(segmenter: BaseAnalyzer, data: bytes, config: Mapping[str, Any]) -> list[Segment]:
    """Take every step of a file as the platform does; return its segments with renditions."""
    file = io.BytesIO(data)
    segmenter.validate_file(file)
    segmenter.get_metadata(file)
    segmenter.plan_pieces(file, config)
    found = list(segmenter.extract_segments(file, config))
    segments = [item for item in found if isinstance(item, Segment)]
    by_key = {segment.key: segment for segment in segments}
    for item in found:
        if isinstance(item, Artifact) and item.segment:
            by_key[item.segment].renditions[item.kind] = item.data
    return segments


def mutated(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 12)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    if rng.random() < 0.3:
        del changed[rng.randrange(len(changed)) :]
    return bytes(changed)


def main() -> None:
    segmenters = {"image": ImageSegmenter(), "document": DocumentSegmenter()}
    analyzers = [OcrAnalyzer(), ScanAnalyzer(), AppearanceAnalyzer(), LanguageAnalyzer()]
    analyzers += [KeywordsAnalyzer(), MentionsAnalyzer(), NamesAnalyzer(), SentimentAnalyzer()]
    embedders = [VisualFallback(), TextFallback()]
    files = [
        (kind, mime, {"mime_type": mime}, base64.b64decode(data))
        for kind, mime, data in map(json.loads, sys.stdin)
    ]
    if alone := sys.argv[1:]:  # these segmenters load nothing that others would have loaded
        segmenters = {name: segmenters[name] for name in alone}
        files = [file for file in files if file[0] in alone]
        analyzers, embedders = [], []
    for loaded in (*segmenters.values(), *analyzers, *embedders):
        loaded.load()
    sys.addaudithook(watch)
    rng = random.Random(20_240_229)
    for kind, name, config, data in files:
        segmenter = segmenters[kind]
        for segment in used(name, lambda: whole(segmenter, data, config)) or []:  # noqa: B023
            for analyzer in analyzers:
                used(analyzer.spec.name, lambda: analyzer.analyze_segment(segment, {}))  # noqa: B023
            for embedder in embedders:
                used(embedder.spec.name, lambda: embedder.generate_embeddings(segment))  # noqa: B023
    friendly = dict(endings)
    for kind, name, config, data in files:
        for _ in range(MUTATIONS):
            broken = mutated(data, rng)
            used(name, lambda: whole(segmenters[kind], broken, config))  # noqa: B023
    print(json.dumps({"refused": refused, "wrong": wrong, "friendly": friendly, "all": endings}))


if __name__ == "__main__":
    main()
