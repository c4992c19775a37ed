"""Many analyzers over many segments in one child; after a crash the rest go on in the next."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Any

from analyzers import records
from analyzers.api import AnalysisResult, Finder, Segment
from analyzers.sandbox.child import failure_from_dict
from analyzers.sandbox.frames import Frame
from dataflux.errors import MediaFailed
from schemas.names import Reason

log = logging.getLogger(__name__)

STRIKES = 3
"""An analyzer that has brought down as many children is not tried on the other segments."""

Pair = tuple[str, str]
"""The key of a segment and the id of an analyzer."""
Result = tuple[str, str, AnalysisResult | MediaFailed]
Answer = tuple[str, str, AnalysisResult | MediaFailed | bytes]
"""Of an analyzer in two steps, what its first has prepared."""


def results(
    run: Callable[[list[Pair]], Generator[Frame]], pairs: Iterable[Pair]
) -> Iterator[Answer]:
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


def _until_it_fails(frames: Generator[Frame], waiting: deque[Pair]) -> Iterator[Answer]:
    with closing(frames):  # a child that is not believed any more ends here
        for head, payload in frames:
            found = _read(head, payload, waiting)
            waiting.popleft()
            if found is not None:
                yield found
    if waiting:
        raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "no answer")


def _read(head: dict[str, Any], payload: bytes, waiting: deque[Pair]) -> Answer | None:
    """Read the answer about the pair whose turn it is."""
    if not waiting or (head.get("segment"), head.get("analyzer")) != waiting[0]:
        raise MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, "an answer that was not asked for")
    key, analyzer = waiting[0]
    if "failed" in head:
        return key, analyzer, failure_from_dict(head["failed"])
    if head.get("prepared") is True:
        return key, analyzer, payload
    if head.get("result") is None:
        return None
    return key, analyzer, records.result_from_dict(head["result"])


def second_step(
    finder: Finder, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
) -> AnalysisResult | MediaFailed | None:
    """Return what a model finds in what the child has prepared, or why it failed."""
    try:
        found = finder.find(segment, prepared, priorities)
        return None if found is None else records.result_from_dict(records.result_to_dict(found))
    except MediaFailed as error:
        return error
    except Exception as error:  # a plugin may raise anything
        log.exception("%s failed", finder.spec.id)
        return MediaFailed(Reason.INTERNAL_ERROR, type(error).__name__)


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
