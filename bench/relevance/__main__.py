"""nDCG@10, recall@10 and "no good match" of search, by signal and as it is answered.

    python -m bench.relevance [--models FOLDER] [--collection FOLDER]

FOLDER of models is a model store (`DATAFLUX_MODELS`); without it the fallbacks are measured. A
collection has the files cran.all.1400, cran.qry and cranqrel of the Cranfield experiments (1,400
abstracts, 225 questions, graded by people): data that nothing here was tuned on.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.installation import bring_in, installation
from bench.measures import Subject
from bench.relevance import cranfield
from bench.relevance.files import files
from bench.relevance.judge import ndcg, recall, reciprocal_rank
from bench.relevance.rankings import by_signal, fused, passages
from bench.relevance.topics import Query, queries, topics
from functions.search.request import CUT_OFF
from tests.fixtures.platform import Platform

Rankings = dict[str, list[Any]]
"""What each signal ranks, and what is answered."""
ANSWER = "answer (fused)"
GOAL = 0.85


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--models", type=Path)
    options.add_argument("--collection", type=Path)
    options.add_argument("--verbose", action="store_true", help="name the queries that went wrong")
    chosen = options.parse_args()
    with installation(chosen.models) as on:
        print("spaces:", *(s for e in on.deps.registry.embedders() for s in e.spec.emits))
        _topics(on, verbose=chosen.verbose)
    if chosen.collection:
        with installation(chosen.models) as on:
            _collection(on, chosen.collection)


def _topics(on: Platform, *, verbose: bool) -> None:
    start, known = time.perf_counter(), topics()
    made = list(files(known))
    lineages = bring_in(on, [(name, data) for name, data, _ in made])
    held = passages(on, made, known, lineages)
    took = time.perf_counter() - start
    print(f"{len(made)} files, {len({*held.values()})} passages found, {took:.0f} s")
    asked = queries()
    ranked = [_ranked(on, query.text, held.get) for query in asked]
    for half, tuned in (("tuned", True), ("untouched", False)):
        mine = [(q, r) for q, r in zip(asked, ranked, strict=True) if q.tuned is tuned]
        answered = [(q, r) for q, r in mine if q.grades]
        for kind in ("all", "words", "inflected", "question", "paraphrase"):
            some = [(q.grades, r) for q, r in answered if kind in ("all", q.kind)]
            _table(f"topics, {half}, {kind}", some)
        _no_good_match(half, mine)
    if verbose:
        _explain(asked, ranked)


def _ranked(on: Platform, query: str, unit: Callable[[UUID], Any]) -> Rankings:
    """Rank the units that segments stand for, each once."""
    found = {
        signal: [each.segment for each in evidence]
        for signal, evidence in by_signal(on, query, CUT_OFF).items()
    }
    found[ANSWER] = fused(on, query)
    return {
        signal: list(dict.fromkeys(unit(each) or each for each in segments))
        for signal, segments in found.items()
    }


def _table(name: str, judged: Sequence[tuple[Mapping[Any, int], Rankings]]) -> None:
    signals = dict.fromkeys(signal for _, rankings in judged for signal in rankings)
    for signal in signals:
        pairs = [(grades, rankings.get(signal, [])) for grades, rankings in judged]
        subject = Subject(signal, name)
        subject.average("nDCG@10", [ndcg(ranked, grades) for grades, ranked in pairs], GOAL)
        meant = [reciprocal_rank(ranked, grades) for grades, ranked in pairs]
        subject.average("best at 1/n", meant, None)
        subject.average("recall@10", [recall(ranked, grades) for grades, ranked in pairs], None)


def _no_good_match(half: str, judged: Sequence[tuple[Query, Rankings]]) -> None:
    said = [not query.grades for query, rankings in judged if not rankings[ANSWER]]
    asked = [not rankings[ANSWER] for query, rankings in judged if not query.grades]
    subject = Subject("no good match", f"topics, {half}")
    subject.share("precision", sum(said), len(said))
    subject.share("recall", sum(asked), len(asked))


def _explain(asked: Sequence[Query], ranked: Sequence[Rankings]) -> None:
    for query, rankings in zip(asked, ranked, strict=True):
        answer = rankings[ANSWER]
        if query.grades and ndcg(answer, query.grades) < 0.85:
            wanted = max(query.grades, key=lambda each: query.grades[each])
            print(f"    {query.kind}: {query.text!r} -> {answer[:3]}, wanted {wanted}")
        elif not query.grades and answer:
            print(f"    nonsense: {query.text!r} -> {answer[:3]}")


def _collection(on: Platform, folder: Path) -> None:
    abstracts, asked = cranfield.abstracts(folder), cranfield.queries(folder)
    start = time.perf_counter()
    lineages = bring_in(on, [(f"{n}.txt", text.encode()) for n, text in abstracts.items()])
    numbers = {lineage: int(name.split(".")[0]) for name, lineage in lineages.items()}
    of = _lineages(on)
    print(f"Cranfield: {len(abstracts)} abstracts in {time.perf_counter() - start:.0f} s")
    judged = [(grades, _ranked(on, text, lambda s: numbers[of[s]])) for text, grades in asked]
    _table("Cranfield", judged)
    _table("Cranfield, beside it", list(_peer(abstracts, asked)))


def _lineages(on: Platform) -> dict[UUID, UUID]:
    with on.deps.engine.session(on.caller.tenant, "worker") as conn:
        return dict(conn.execute("SELECT id, lineage FROM segments").fetchall())


def _peer(
    abstracts: Mapping[int, str], asked: Sequence[tuple[str, dict[int, int]]]
) -> Iterator[tuple[Mapping[int, int], Rankings]]:
    """Rank with rank_bm25, if it is installed: words as they are, without stems."""
    try:
        from rank_bm25 import BM25Okapi  # type: ignore[import-not-found]
    except ImportError:
        return
    numbers = list(abstracts)
    index = BM25Okapi([text.casefold().split() for text in abstracts.values()])
    for text, grades in asked:
        scores: dict[int, float] = defaultdict(float)
        scores |= zip(numbers, index.get_scores(text.casefold().split()), strict=True)
        yield grades, {"rank_bm25": sorted(numbers, key=lambda n: -scores[n])[:10]}


if __name__ == "__main__":
    main()
