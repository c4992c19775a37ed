"""From what analyzers found to the rows that are kept; the same work makes the same ids."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from analyzers.api import Features, Text
from schemas import ids
from stores.records.rows import FeatureRow, TextRow


def name_of(analyzer: str) -> str:
    """Return the name of name@version."""
    return analyzer.partition("@")[0]


def text_rows(
    segment: UUID, run: UUID, analyzer: str, texts: Sequence[Text], rests_on: Sequence[str] = ()
) -> Iterator[TextRow]:
    for number, text in enumerate(texts):
        yield TextRow(
            id=ids.derived(segment, run, analyzer, "text", number),
            segment_id=segment,
            run_id=run,
            source=text.source,
            body=text.body,
            language=text.language,
            confidence=text.confidence,
            rests_on=rests_on,
        )


def feature_rows(
    segment: UUID,
    run: UUID,
    analyzer: str,
    features: Features,
    confidences: Mapping[str, Mapping[str, float]],
    model: str | None,
    rests_on: Sequence[str] = (),
) -> Iterator[FeatureRow]:
    for domain, found in features.items():
        for kind, data in found.items():
            yield FeatureRow(
                id=ids.derived(segment, run, analyzer, "feature", domain, kind),
                segment_id=segment,
                run_id=run,
                feature_domain=domain,
                feature_type=kind,
                feature_data=data,
                confidence=confidences.get(domain, {}).get(kind),
                analyzer_version=analyzer,
                model=model,
                rests_on=rests_on,
            )
