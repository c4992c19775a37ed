"""Turn a window of segments into vectors: one object of them a piece and space."""

import io
from collections import defaultdict

from analyzers.api import BaseAnalyzer, Embedding
from analyzers.declared import embeds, wants
from functions.deps import Deps
from functions.installed import installed
from functions.loading import LoadedSegment, load_segments
from functions.spending import Spending
from functions.vector_facts import embedded
from functions.work import Fact, Outcome, Work, Write
from schemas import ids
from schemas.names import Stage
from stores.records import runs
from stores.records.indexing import Vector
from stores.records.rows import EmbeddingRow
from stores.records.runs import Run

Vectors = dict[str, list[tuple[LoadedSegment, Embedding]]]


def handle(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    modality = "visual" if work.stage is Stage.EMBED_VISUAL else "text"
    loaded = load_segments(work, deps, run, kinds=("keyframe",) if modality == "visual" else ())
    rows: list[EmbeddingRow] = []
    spending = Spending(deps.registry)
    for embedder in _embedders(deps, run, modality):
        for space, found in _embed(deps, embedder, loaded, spending).items():
            key = _store(work, space, found)
            model = embedder.spec.model or embedder.spec.id
            for number, (item, _) in enumerate(found):
                rows.append(_row(work, item, modality, model, space, f"{key}#{number}"))
    whole = run.scope is None  # else what it made is told of when it is known to be of use
    facts = [_embedded(work, row) for row in rows] if whole else []
    to_index = Write(runs.add_to_index, (work.run, len(rows)))
    return Outcome(
        rows=rows,
        facts=facts,
        writes=[to_index],
        output=spending.output,
        counts={"embedded": len(rows)},
    )


def _embedders(deps: Deps, run: Run, modality: str) -> list[BaseAnalyzer]:
    """Return those that make vectors; in a run of one embedder, that one alone."""
    one = None if run.scope is None else installed(deps, run.scope)
    return deps.registry.writers(modality) if one is None or not embeds(one) else [one]


def _embedded(work: Work, row: EmbeddingRow) -> Fact:
    vector = Vector(work.run, row.entity_id, work.lineage, work.asset, row.space, row.vector_id)
    return embedded(vector)


def _embed(
    deps: Deps, embedder: BaseAnalyzer, loaded: list[LoadedSegment], spending: Spending
) -> Vectors:
    by_space: Vectors = defaultdict(list)
    segments = [item.segment for item in loaded]
    spent = spending.on_window(embedder.spec.id, sum(wants(embedder, s) for s in segments))
    vectors = deps.sandbox.embed(segments, embedder.spec.id, spent)
    for item, embeddings in zip(loaded, vectors, strict=True):
        for embedding in embeddings:
            by_space[embedding.space].append((item, embedding))
    return by_space


def _store(work: Work, space: str, found: list[tuple[LoadedSegment, Embedding]]) -> str:
    """Put the vectors as one float32 matrix in numpy's format; return its key."""
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.asarray([e.vector for _, e in found], np.float32), allow_pickle=False)
    return work.put(space.replace("/", "-") + ".npy", buffer.getvalue()).key


def _row(
    work: Work, item: LoadedSegment, modality: str, model: str, space: str, vector_id: str
) -> EmbeddingRow:
    return EmbeddingRow(
        id=ids.derived(item.id, work.run, "embedding", space),
        entity_id=item.id,
        run_id=work.run,
        embedding_type=modality,
        model_name=model,
        space=space,
        vector_id=vector_id,
    )
