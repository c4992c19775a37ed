"""Items of many callers computed together: who waits goes into the next batch, whoever asked."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

from analyzers.models.manifest import Model
from analyzers.runtime import Runtime

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """`compute` answers up to `most` items at once; so many of its calls run side by side.

    Nothing waits for a batch to fill up: an idle worker takes what there is, and while all are
    busy, what comes from other pieces joins.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Item]], Iterable[Result]],
        *,
        most: int,
        workers: int,
        name: str = "batches",
    ) -> None:
        self._compute, self._most = compute, most
        self._waiting: deque[tuple[Item, Future[Result]]] = deque()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix=name)

    @classmethod
    def of(
        cls, model: Model, runtime: Runtime, compute: Callable[[Sequence[Item]], Iterable[Result]]
    ) -> Self:
        """Return batches of the size that a model takes, by as many workers as there are."""
        most, workers = runtime.batch(model.batch), runtime.workers()
        return cls(compute, most=most, workers=workers, name=model.name)

    def __call__(self, items: Sequence[Item]) -> list[Result]:
        """Return the results in the order of the items; raise what their batch raised."""
        asked = [(item, Future[Result]()) for item in items]
        with self._lock:
            self._waiting.extend(asked)
        for _ in range(0, len(asked), self._most):
            self._workers.submit(self._next)
        return [future.result() for _, future in asked]

    def _next(self) -> None:
        with self._lock:
            size = min(self._most, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(size)]
        if not batch:
            return
        try:
            found = self._compute([item for item, _ in batch])
            for (_, future), result in zip(batch, found, strict=True):
                future.set_result(result)
        except BaseException as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
