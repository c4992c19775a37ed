"""Decode one piece once: put its artifacts, keep its segments for `stitch`."""

from typing import Any

import orjson

from analyzers.api import Range, Segment
from analyzers.records import segment_to_dict
from functions.deps import Deps
from functions.derived import keep
from functions.work import Outcome, Work
from stores.records import runs


def handle(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    segments: list[dict[str, Any]] = []
    artifacts: list[dict[str, Any]] = []
    with deps.objects.open(run.storage_path) as source:
        for found in deps.sandbox.extract(source, run.analyzer, _piece(work), run.config):
            if isinstance(found, Segment):
                segments.append(segment_to_dict(found))
            else:
                artifacts.append(keep(work, len(artifacts), found))
    kept = work.put("segments.json", orjson.dumps(segments))
    return Outcome(output={"segments": kept.key, "artifacts": artifacts})


def _piece(work: Work) -> Range | None:
    return Range(*work.params["piece"]) if "piece" in work.params else None
