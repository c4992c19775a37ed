"""From what analyzers found to the rows that are kept."""

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from analyzers.api import Features, Text
from schemas import ids
from stores.records.rows import FeatureRow, TextRow


def text_rows(segment: UUID, run: UUID, analyzer: str, texts: Sequence[Text]) -> Iterator[TextRow]:
    for number, text in enumerate(texts):
        yield TextRow(
            id=ids.derived(segment, analyzer, "text", number),
            segment_id=segment,
            run_id=run,
            source=text.source,
            body=text.body,
            language=text.language,
            confidence=text.confidence,
        )


def feature_rows(
    segment: UUID,
    run: UUID,
    analyzer: str,
    features: Features,
    confidences: Mapping[str, Mapping[str, float]],
    model: str | None,
) -> Iterator[FeatureRow]:
    for domain, found in features.items():
        for kind, data in found.items():
            yield FeatureRow(
                id=ids.derived(segment, analyzer, "feature", domain, kind),
                segment_id=segment,
                run_id=run,
                feature_domain=domain,
                feature_type=kind,
                feature_data=data,
                confidence=confidences.get(domain, {}).get(kind),
                analyzer_version=analyzer,
                model=model,
            )
