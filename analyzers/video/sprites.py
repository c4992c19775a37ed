"""The text track that tells a player where in the sprite sheets the picture of a time is."""

from collections.abc import Iterator, Sequence

from analyzers.api import Artifact


def sprite_vtt(sheets: Sequence[Artifact]) -> Artifact:
    """Return WebVTT whose cues name a sheet by its number and a tile by #xywh."""
    cues = [cue for number, sheet in enumerate(sheets) for cue in _cues(number, sheet)]
    ends = [start for start, _ in cues[1:]] + [cues[-1][0] + 3600.0]
    body = "WEBVTT\n" + "".join(
        f"\n{_time(start)} --> {_time(max(end, start + 0.001))}\n{target}\n"
        for (start, target), end in zip(cues, ends, strict=True)
    )
    return Artifact("sprite_vtt", "text/vtt", body.encode(), None, {"sheets": len(sheets)})


def _cues(number: int, sheet: Artifact) -> Iterator[tuple[float, str]]:
    width, height = sheet.metadata["tile"]
    for index, time in enumerate(sheet.metadata["times"]):
        row, column = divmod(index, sheet.metadata["columns"])
        yield time, f"sprite?sheet={number}#xywh={column * width},{row * height},{width},{height}"


def _time(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:02}:{minutes:02}:{rest:06.3f}"
