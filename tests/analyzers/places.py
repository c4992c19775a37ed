"""What tests ask of the segments of a document: their roles, and whether their places are true."""

from collections.abc import Sequence

from analyzers.api import Artifact, Segment


def roles(segment: Segment) -> tuple[str, ...]:
    """Return the role of a segment, or nothing for one of the main text."""
    role = segment.features.get("semantic", {}).get("role")
    return (role["name"],) if role else ()


def text_matches(segments: Sequence[Segment], artifacts: Sequence[Artifact]) -> bool:
    """Return whether each range of characters holds the text of its segment."""
    (text,) = (a.data.decode() for a in artifacts if a.kind == "text")
    placed = ((s.start_marker["char"], s.texts) for s in segments)
    return all(
        text[start:end].strip() == (texts[0].body if texts else "")
        for (start, end), texts in placed
    )
