"""A sheet of rows as segments: the sheet, and under it a few rows at a time."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any

from analyzers.api import Segment, Text
from analyzers.decoding import Limits
from analyzers.document.blocks import Block, cuts
from analyzers.document.flow import written
from analyzers.document.tables import Row, grouped, has_header
from analyzers.text.language import detect


def sheet(
    number: int, name: str, rows: Iterable[tuple[int, Row]], limits: Limits
) -> Iterator[Segment]:
    """Yield the segment of a sheet, then those of its rows, numbered as in the file from 1."""
    every = iter(rows)
    first = list(islice(every, 2))
    header = first[0][1] if has_header([row for _, row in first]) else ()
    key, marker = f"sheet-{number}", {"page": number}
    facts: dict[str, Any] = {"name": name, "columns": [c for c in header if c][:100]}
    names = [Text("written", name, detect(name)[0])] if name else []
    yield Segment(
        "sheet",
        dict(marker),
        dict(marker),
        key=key,
        texts=names,
        features={"technical": {"sheet": facts}},
    )
    body = chain(first[1:] if header else first, every)
    for count, group in enumerate(grouped(body, header), start=1):
        limits.hold("segments", count)
        place = {**marker, "row": [group.first, group.last]}
        block = Block("table", group.text)
        for part, (start, end) in enumerate(cuts(group.text)):
            yield written(
                f"{key}-{group.first}-{part}", block, group.text[start:end], place, None, key
            )
