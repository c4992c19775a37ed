"""Part a long recording into chapters, by what has been heard in it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from analyzers.api import Features
from analyzers.text.chapters import METHOD, Chapter, Spoken, chapters
from functions.findings import feature_rows
from functions.loading import texts_for
from functions.work import Outcome, Work
from schemas import ids
from schemas.names import TextSource
from stores.records import runs, segments
from stores.records.rows import Row, SegmentRow

ANALYZER = "chapters@1"


def handle(work: Work) -> Outcome:
    """Add chapters behind the segments that are there; none to what is about one thing."""
    heard, language, finders = _heard(work)
    found = chapters(heard, language)
    rows = [row for number, each in enumerate(found) for row in _rows(work, number, each, finders)]
    return Outcome(rows=rows, counts={"chapters": len(found)})


def _heard(work: Work) -> tuple[list[Spoken], str | None, list[str]]:
    """Return what is said, in which language most of it is, and who has heard it."""
    run, window = work.read(runs.get, work.run), (work.params["from"], work.params["to"])
    stored = work.read(segments.of_run, work.lineage, run.segmented_by, *window)
    places = {s.sequence_number: s for s in stored}
    texts = [t for t in texts_for(work, run, window) if t.source == TextSource.SPOKEN]
    languages = Counter(text.language for text in texts)
    spoken = [
        Spoken(
            places[text.sequence_number].start_marker["time"],
            places[text.sequence_number].end_marker["time"],
            text.body,
        )
        for text in texts
    ]
    ordered = sorted(spoken, key=lambda each: each.start)
    finders = sorted({name for text in texts for name in text.rests_on})
    return ordered, languages.most_common(1)[0][0] if languages else None, finders


def _rows(work: Work, number: int, chapter: Chapter, finders: Sequence[str]) -> Iterator[Row]:
    identity = ids.derived(work.lineage, work.run, "segment", f"chapter-{number}")
    yield SegmentRow(
        id=identity,
        asset_id=work.asset,
        lineage=work.lineage,
        run_id=work.run,
        parent_id=work.asset,
        segment_type="chapter",
        sequence_number=work.params["to"] + number,
        start_marker={"time": round(chapter.start, 3)},
        end_marker={"time": round(chapter.end, 3)},
        rests_on=finders,
    )
    features: Features = {"semantic": {"chapter": {"number": number, "words": chapter.words}}}
    yield from feature_rows(identity, work.run, ANALYZER, features, {}, METHOD, finders)
