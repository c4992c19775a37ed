"""An event loop on a thread of its own: for a client that only knows asyncio."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from dataflux.errors import TooLarge, Unavailable

T = TypeVar("T")


class KafkaLoop:
    """Runs coroutines for threads that wait; the client's errors become ours."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kafka", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Wait for a coroutine; raise Unavailable if it fails, ends late or never."""
        if self._loop.is_closed():
            coroutine.close()
            raise Unavailable("kafka: closed")
        try:
            return asyncio.run_coroutine_threadsafe(
                asyncio.wait_for(coroutine, timeout_s), self._loop
            ).result()
        except TimeoutError:
            raise Unavailable(f"kafka: no answer within {timeout_s:g} s; try again") from None
        except concurrent.futures.CancelledError:
            raise Unavailable("kafka: closed") from None
        except MessageSizeTooLargeError as error:
            raise TooLarge(f"kafka: {error}") from error
        except KafkaError as error:
            raise Unavailable(f"kafka: {type(error).__name__}: {error}; try again") from error

    def close(self) -> None:
        """End what still runs, and the thread."""
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
