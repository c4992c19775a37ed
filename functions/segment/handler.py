"""Decode one piece once: put its artifacts, keep its segments for `stitch`."""

from typing import Any

import orjson

from analyzers.api import Artifact, Range, Segment
from analyzers.records import segment_to_dict
from functions.deps import Deps
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
                artifacts.append(_stored(work, len(artifacts), found))
    kept = work.put("segments.json", orjson.dumps(segments))
    return Outcome(output={"segments": kept.key, "artifacts": artifacts})


def _piece(work: Work) -> Range | None:
    return Range(*work.params["piece"]) if "piece" in work.params else None


def _stored(work: Work, number: int, artifact: Artifact) -> dict[str, Any]:
    info = work.put(f"{number:05}-{artifact.kind}", artifact.data)
    return {
        "kind": artifact.kind,
        "mime_type": artifact.mime_type,
        "segment": artifact.segment,
        "metadata": dict(artifact.metadata),
        "key": info.key,
        "size": info.size,
        "sha256": info.sha256,
    }
