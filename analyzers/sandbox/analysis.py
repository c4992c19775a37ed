"""Many analyzers over many segments in one child; after a crash the rest go on in the next."""

import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
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
Meter = Callable[[str, str, float], None]
"""Is told of the id of an analyzer and the key of a segment the CPU seconds that they took."""


def results(
    run: Callable[[list[Pair]], Generator[Frame]],
    pairs: Iterable[Pair],
    emitted: Mapping[str, Collection[str]],
    meter: Meter,
) -> Iterator[Answer]:
    """Yield what was found for each pair; `run` starts a child on some of them.

    `emitted`: by analyzer the domains it declares; what gives others is not believed.
    """
    waiting = deque(pairs)
    strikes: Counter[str] = Counter()
    while waiting:
        try:
            for key, analyzer, found in _until_it_fails(run(list(waiting)), waiting, meter):
                if isinstance(found, AnalysisResult):
                    yield key, analyzer, _declared(found, emitted[analyzer])
                else:
                    yield key, analyzer, found
        except MediaFailed as error:
            if error.reason is Reason.SANDBOX_UNAVAILABLE:
                raise
            yield from _blamed(error, waiting, strikes)


def _declared(found: AnalysisResult, domains: Collection[str]) -> AnalysisResult | MediaFailed:
    """Return what was found if its analyzer has declared such; else a failure that says so."""
    given = {*found.features, *(domain for s in found.segments for domain in s.features)}
    if undeclared := sorted(given - set(domains)):
        detail = f"gives {', '.join(undeclared)}, which it does not declare in emits"
        return MediaFailed(Reason.ANALYZER_INVALID_OUTPUT, detail)
    return found


def _until_it_fails(
    frames: Generator[Frame], waiting: deque[Pair], meter: Meter
) -> Iterator[Answer]:
    with closing(frames):  # a child that is not believed any more ends here
        for head, payload in frames:
            found = _read(head, payload, waiting)
            spent = records.seconds_from(head.get("spent"))
            key, analyzer = waiting.popleft()
            meter(analyzer, key, spent)
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
    found = records.result_from_dict(head["result"])
    found.processing_time = records.seconds_from(head.get("spent"))
    return key, analyzer, found


def second_step(
    finder: Finder, segment: Segment, prepared: bytes, priorities: Mapping[str, int]
) -> AnalysisResult | MediaFailed | None:
    """Return what a model finds in what the child has prepared, or why it failed."""
    try:
        found = finder.find(segment, prepared, priorities)
        if found is None:
            return None
        return _declared(records.result_from_dict(records.result_to_dict(found)), finder.spec.emits)
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
