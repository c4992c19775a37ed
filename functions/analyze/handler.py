"""Find features and text in a window of segments, from their derived objects only.

A run of one analyzer looks with that one alone, at the segments of another run.
"""

from collections.abc import Iterable, Iterator, Sequence

from analyzers.api import Segment, Text
from dataflux.errors import MediaFailed
from functions.analyze.gathering import Gathering, Worded
from functions.deps import Deps
from functions.findings import name_of
from functions.installed import installed
from functions.loading import LoadedSegment, load_segments
from functions.plan import WORDS
from functions.spending import Spending
from functions.work import Outcome, Work
from stores.records import consents, runs
from stores.records import segments as records
from stores.records.runs import Run


def handle(work: Work, deps: Deps) -> Outcome:
    run = work.read(runs.get, work.run)
    one = None if run.scope is None else installed(deps, run.scope)
    allowed = deps.registry.analyzer_ids(work.read(consents.purposes))
    wanted = [name for name in allowed if one is None or name == one.spec.id]
    readers = deps.registry.reader_ids()
    loaded = load_segments(work, deps, run, kinds=deps.registry.rendition_kinds())
    found = Gathering(work, {item.segment.key: item for item in loaded}, Spending(deps.registry))
    worded = _look(deps, run, found, [item.segment for item in loaded], wanted)
    _read(deps, run, found, worded, readers)
    words = 0
    if run.scope is not None:
        known = _known_words(work, run, loaded) if run.scope in readers else []
        _read(deps, run, found, known, [run.scope])
        words = found.words + work.read(
            records.count_words_by, work.lineage, work.asset, name_of(run.scope), *_window(work)
        )
    if found.first_failure and not found.rows:
        raise found.first_failure
    return Outcome(
        rows=found.rows,
        facts=list(found.facts()),
        counts={
            "analyzed": len(loaded),
            "failures": len(found.failures),
            "spoken": found.spoken,
            WORDS: words,
        },
        output={"failures": found.failures[:10], **found.spending.output},
    )


def _look(
    deps: Deps, run: Run, found: Gathering, segments: Sequence[Segment], wanted: Sequence[str]
) -> list[Worded]:
    """Look at the numbered segments; return what has words only now, of each the last."""
    worded: dict[str, Worded] = {}
    meter = found.spending.on({segment.key: segment for segment in segments})
    priorities = run.config.get("priorities", {})
    for key, analyzer, result in deps.sandbox.analyze(segments, wanted, priorities, meter):
        if isinstance(result, MediaFailed):
            found.failed(analyzer, result)
        else:
            worded |= {each.segment.key: each for each in found.seen(key, analyzer, result)}
    return list(worded.values())


def _read(
    deps: Deps, run: Run, found: Gathering, worded: Iterable[Worded], readers: Sequence[str]
) -> None:
    """Have words that were found read by those who need nothing else."""
    by_key = {each.segment.key: each for each in worded}
    if not (readers and by_key):
        return
    segments = {key: each.segment for key, each in by_key.items()}
    priorities, meter = run.config.get("priorities", {}), found.spending.on(segments)
    for key, analyzer, result in deps.sandbox.analyze(
        list(segments.values()), readers, priorities, meter
    ):
        if isinstance(result, MediaFailed):
            found.failed(analyzer, result)
        else:
            found.read(by_key[key], analyzer, result)


def _known_words(work: Work, run: Run, loaded: Sequence[LoadedSegment]) -> Iterator[Worded]:
    """Yield what has words that others found before; what has written ones was looked at so."""
    within = {item.sequence_number: item.segment for item in loaded}
    stored = work.read(
        records.found_words, work.lineage, work.asset, name_of(run.scope or ""), *_window(work)
    )
    worded: dict[str, Worded] = {}
    for text in stored:
        place, key = within[text.sequence_number], str(text.segment)
        if key == place.key and place.texts:
            continue
        bare = Segment(text.segment_type, text.start_marker, text.end_marker, key=key)
        one = worded.setdefault(key, Worded(bare, place.key, tuple(text.rests_on)))
        one.segment.texts.append(Text(text.source, text.body, text.language, text.confidence))
    yield from worded.values()


def _window(work: Work) -> tuple[int, int]:
    return work.params["from"], work.params["to"]
