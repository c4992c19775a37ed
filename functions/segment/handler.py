"""Decode one piece once: put its artifacts, keep its segments for `stitch`.

If decoding fails half-way, the segments found until then are kept beside the reason.
"""

from dataclasses import replace
from typing import Any

import orjson

from analyzers.api import Range, Segment
from analyzers.records import segment_to_dict
from dataflux.errors import MediaFailed
from functions.deps import Deps
from functions.derived import keep
from functions.originals import original
from functions.plan import PARTIAL
from functions.spending import Spending
from functions.work import Outcome, Work
from stores.records import runs


def handle(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    segments: list[Segment] = []
    artifacts: list[dict[str, Any]] = []
    failed: MediaFailed | None = None
    piece, spending = _piece(work), Spending(deps.registry)
    spent = spending.on_piece(run.analyzer, piece, segments)
    with original(deps, run.storage_path) as source:
        try:
            for found in deps.sandbox.extract(source, run.analyzer, piece, run.config, spent):
                if isinstance(found, Segment):
                    segments.append(found)
                else:
                    artifacts.append(keep(work, len(artifacts), found))
        except MediaFailed as error:
            if not segments:
                raise
            failed = error
    kept = work.put("segments.json", orjson.dumps(list(map(segment_to_dict, segments))))
    outcome = Outcome(output={"segments": kept.key, "artifacts": artifacts, **spending.output})
    return outcome if failed is None else _partly(outcome, failed)


def _partly(outcome: Outcome, failed: MediaFailed) -> Outcome:
    return replace(
        outcome, failed=failed.reason, detail=failed.detail, limit=failed.limit, counts={PARTIAL: 1}
    )


def _piece(work: Work) -> Range | None:
    return Range(*work.params["piece"]) if "piece" in work.params else None
