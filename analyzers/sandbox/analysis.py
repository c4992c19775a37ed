"""Many analyzers over many segments in one child; after a crash the rest go on in the next."""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Any

from analyzers import records
from analyzers.api import AnalysisResult
from analyzers.sandbox.child import failure_from_dict
from analyzers.sandbox.frames import Frame
from dataflux.errors import MediaFailed
from schemas.names import Reason

STRIKES = 3
"""An analyzer that has brought down as many children is not tried on the other segments."""

Pair = tuple[str, str]
"""The key of a segment and the id of an analyzer."""
Result = tuple[str, str, AnalysisResult | MediaFailed]


def results(
    run: Callable[[list[Pair]], Generator[Frame]], pairs: Iterable[Pair]
) -> Iterator[Result]:
    """Yield what was found for each pair; `run` starts a child on some of them."""
    waiting = deque(pairs)
    strikes: Counter[str] = Counter()
    while waiting:
        try:
            yield from _until_it_fails(run(list(waiting)), waiting)
        except MediaFailed as error:
            if error.reason is Reason.SANDBOX_UNAVAILABLE:
                raise
            yield from _blamed(error, waiting, strikes)


def _until_it_fails(frames: Generator[Frame], waiting: deque[Pair]) -> Iterator[Result]:
    with closing(frames):  # a child that is not believed any more ends here
        for head, _ in frames:
            found = _read(head, waiting)
            waiting.popleft()
            if found is not None:
                yield found
    if waiting:
        raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "no answer")


def _read(head: dict[str, Any], waiting: deque[Pair]) -> Result | None:
    """Read the answer about the pair whose turn it is."""
    if not waiting or (head.get("segment"), head.get("analyzer")) != waiting[0]:
        raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "an answer that was not asked for")
    key, analyzer = waiting[0]
    if "failed" in head:
        return key, analyzer, failure_from_dict(head["failed"])
    if head.get("result") is None:
        return None
    return key, analyzer, records.result_from_dict(head["result"])


def _blamed(error: MediaFailed, waiting: deque[Pair], strikes: Counter[str]) -> Iterator[Result]:
    """Give the pair that was being analyzed up, and its analyzer when it has failed too often."""
    if not waiting:  # all was said before it fell over
        return
    key, analyzer = waiting.popleft()
    yield key, analyzer, error
    strikes[analyzer] += STRIKES if error.reason is Reason.DECODE_TIMEOUT else 1
    if strikes[analyzer] >= STRIKES:
        given_up = [pair for pair in waiting if pair[1] == analyzer]
        rest = [pair for pair in waiting if pair[1] != analyzer]
        waiting.clear()
        waiting.extend(rest)
        yield from ((key, analyzer, error) for key, _ in given_up)
