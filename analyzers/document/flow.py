"""Documents without pages: their blocks as segments with character ranges of one text rendition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from analyzers.api import Artifact, Marker, Segment, Text
from analyzers.decoding import Limits
from analyzers.document.blocks import Block, cuts, sample
from analyzers.document.pictures import embedded
from analyzers.text.language import detect
from dataflux.errors import MediaFailed
from schemas.names import Reason

BETWEEN = "\n\n"


def flowing(
    blocks: Iterable[Block],
    limits: Limits,
    parent: str | None = None,
    marker: Mapping[str, Any] | None = None,
) -> Iterator[Segment | Artifact]:
    """Yield a segment a block (several for a long one), then the text their ranges count in."""
    kept = held(blocks, limits)
    default = detect(sample(kept))[0]
    at = number = 0
    for block in kept:
        base = marker or {}
        if block.picture is not None:
            place = {**base, "char": [at, at + len(block.text)]}
            yield from _picture(f"block-{number}", block, place, parent, default, limits)
            number += 1
        for start, end in cuts(block.text) if block.picture is None else ():
            limits.hold("segments", number + 1)
            place = {**base, "char": [at + start, at + end]}
            yield written(f"block-{number}", block, block.text[start:end], place, default, parent)
            number += 1
        at += len(block.text) + len(BETWEEN)
    if not number:
        raise MediaFailed(Reason.EMPTY_MEDIA, "the document has no text")
    yield rendition(BETWEEN.join(block.text for block in kept))


def _picture(
    key: str,
    block: Block,
    place: Marker,
    parent: str | None,
    language: str | None,
    limits: Limits,
) -> Iterator[Segment | Artifact]:
    text = Text("written", block.text, detect(block.text)[0] or language) if block.text else None
    yield from embedded(block.picture or b"", key, place, parent, text, limits)


def held(blocks: Iterable[Block], limits: Limits) -> Sequence[Block]:
    """Return the blocks that have text or a picture, as long as there are not too many."""
    kept: list[Block] = []
    length = pictures = 0
    for block in blocks:
        pictures += block.picture is not None
        limits.hold("pictures", pictures)
        if block.text.strip() or block.picture:
            kept.append(block)
            length += len(block.text)
            limits.hold("segments", len(kept))
            limits.hold("text_bytes", length)
    return kept


def written(
    key: str,
    block: Block,
    body: str,
    marker: Mapping[str, Any],
    language: str | None,
    parent: str | None,
) -> Segment:
    """Return a block, or a part of one, as a segment with its text."""
    text = Text("written", body.strip(), detect(body)[0] or language)
    return Segment(
        block.type,
        dict(marker),
        dict(marker),
        key=key,
        parent=parent,
        texts=[text],
        features=block.all_features(),
    )


def rendition(text: str) -> Artifact:
    """Return the whole text as it is counted by the `char` markers: in code points."""
    return Artifact("text", "text/plain", text.encode(), metadata={"characters": len(text)})
