"""What the API answers of analyzers, their runs, and how two of them differ."""

from typing import Any, Literal

from functions.api.answers import Shape


class Cost(Shape):
    """CPU seconds for one unit: a segment, a second of sound or film, a page, a file."""

    cpu_s: float
    per: Literal["segment", "second", "page", "file"]


class Measured(Shape):
    """The mean of what the caller's latest runs took, over so many units of the cost."""

    cpu_s: float
    units: float


class Analyzer(Shape):
    """What an analyzer declares, where it comes from, and whether it can run."""

    id: str
    does: list[Literal["segments", "features", "vectors"]]
    formats: list[str]
    segments: list[str]
    needs: list[str]
    emits: list[str]
    model: str | None
    dimensions: int | None
    pool: str | None
    cost: Cost | None
    measured: Measured | None
    origin: str
    state: Literal["ready", "missing", "retired", "broken"]
    problem: str | None


class Side(Shape):
    """One of two analyzers that are compared; `stored`: what it found once, as it is not here."""

    id: str
    model: str | None
    stored: bool
    failed: int
    unit_cpu_s: float | None


class Disagreement(Shape):
    """A segment on which they disagree, with what each says."""

    asset: str
    address: str
    segment: str
    agreement: float
    a: Any
    b: Any


class OutputDiff(Shape):
    """An output in the sample: where both have it, and where one alone; from 0 to 1 how alike."""

    output: str
    both: int
    added: int
    removed: int
    agreement: float | None
    confidence_shift: float | None
    worst: list[Disagreement]


class AnalyzersDiff(Shape):
    """How two analyzers differ over a sample of segments."""

    a: Side
    b: Side
    segments: int
    cost_ratio: float | None
    outputs: list[OutputDiff]


class Started(Shape):
    """A run of one analyzer."""

    asset: str
    run: str


class AnalyzerRun(Shape):
    """What an analyzer does with a selection, and what that takes.

    Of the `selected` assets it has `had` some already; `busy` ones are being processed, `unsuited`
    ones have nothing for it. `assets` is the rest; of them `left` are for the next request.
    """

    analyzer: str
    dry_run: bool
    selected: int
    had: int
    busy: int
    unsuited: int
    assets: int
    pieces: int
    units: float
    per: str
    unit_cpu_s: float
    measured: bool
    cpu_s: float
    wall_s: float
    started: list[Started]
    left: int
