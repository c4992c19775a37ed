"""Turn a window of segments into vectors: one object of them a piece and space."""

import io
from collections import defaultdict

from analyzers.api import BaseAnalyzer, Embedding
from analyzers.declared import wants
from functions.deps import Deps
from functions.loading import LoadedSegment, load_segments
from functions.spending import Spending
from functions.vector_facts import embedded
from functions.work import Fact, Outcome, Work, Write
from schemas import ids
from schemas.names import Stage
from stores.records import runs
from stores.records.rows import EmbeddingRow

Vectors = dict[str, list[tuple[LoadedSegment, Embedding]]]


def handle(work: Work, deps: Deps) -> Outcome:
    modality = "visual" if work.stage is Stage.EMBED_VISUAL else "text"
    loaded = load_segments(work, deps, kinds=("keyframe",) if modality == "visual" else ())
    rows: list[EmbeddingRow] = []
    facts: list[Fact] = []
    spending = Spending(deps.registry)
    for embedder in deps.registry.writers(modality):
        for space, found in _embed(deps, embedder, loaded, spending).items():
            key = _store(work, space, found)
            model = embedder.spec.model or embedder.spec.id
            for number, (item, _) in enumerate(found):
                rows.append(_row(work, item, modality, model, space, f"{key}#{number}"))
                facts.append(embedded(item.id, work.lineage, work.asset, space, key, number))
    to_index = Write(runs.add_to_index, (work.run, len(rows)))
    return Outcome(
        rows=rows,
        facts=facts,
        writes=[to_index],
        output=spending.output,
        counts={"embedded": len(rows)},
    )


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
        id=ids.derived(item.id, "embedding", space),
        entity_id=item.id,
        run_id=work.run,
        embedding_type=modality,
        model_name=model,
        space=space,
        vector_id=vector_id,
    )
