"""Feeds a function over HTTP as a Knative dispatcher does: one event a request, in binary mode."""

from collections.abc import Sequence

import httpx

from events.event import Event
from events.http import to_binary
from functions.disposition import Disposition

TIMEOUT_S = 600.0
"""Of one attempt: what Knative's dispatcher waits at most."""
TRIED_AGAIN = (404, 408, 409, 429)
"""So is every 5xx; any other answer but a success gives the event up at once."""


class Posted:
    """What runs a function that answers at `url`."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url
        self._http = httpx.Client(timeout=httpx.Timeout(timeout_s, connect=5), trust_env=False)

    def __call__(self, events: Sequence[Event]) -> Disposition:
        """Post events one by one; the first that is not taken decides."""
        for event in events:
            disposition = self._post(event)
            if disposition != Disposition.DONE:
                return disposition
        return Disposition.DONE

    def close(self) -> None:
        self._http.close()

    def _post(self, event: Event) -> Disposition:
        headers, body = to_binary(event)
        try:
            answer = self._http.post(self._url, headers=headers, content=body)
        except httpx.HTTPError as error:  # it is being started anew, or took too long
            return Disposition("retry", f"{self._url}: {type(error).__name__} {error}".strip())
        return disposition_of(answer.status_code, answer.text)


def disposition_of(status: int, said: str) -> Disposition:
    """Return what an answer means for its event."""
    if status < 300:
        return Disposition.DONE
    detail = f"{status} {said[:400]}"
    if status in (*TRIED_AGAIN, 503):
        return Disposition("retry", detail)
    return Disposition("failed" if status >= 500 else "invalid", detail)
