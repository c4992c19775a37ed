"""What the API answers about dead letters, as its contract says it."""

from typing import Any, Literal

from functions.api.answers import Shape


class DeadLetter(Shape):
    """A message that was given up, or a piece of an asset that failed for good."""

    id: str
    kind: Literal["message", "piece"]
    group: str
    tenant: str | None
    function: str
    topic: str
    event_id: str | None
    event_type: str | None
    asset: str | None
    reason: str
    detail: str
    attempts: int
    state: Literal["dead", "retried", "replayed", "discarded"]
    origin: dict[str, Any]
    first_at: str
    last_at: str


class DeadLetterWithMessage(DeadLetter):
    """A letter with its bytes in Base64, and what they say if they are an event."""

    message: str
    event: dict[str, Any] | None


class DeadLetterGroup(Shape):
    """Letters that were given up alike."""

    group: str
    kind: Literal["message", "piece"]
    function: str
    topic: str
    reason: str
    detail: str
    count: int
    attempts: int
    first_at: str
    last_at: str


class SettledLetter(Shape):
    """A letter and, if nothing could be done with it, why."""

    id: str
    kind: Literal["message", "piece"]
    function: str
    reason: str
    refused: str | None


class Settled(Shape):
    """What was done with the letters that were meant, or would be; more are at the cursor."""

    action: Literal["retry", "replay", "discard"]
    dry_run: bool
    matched: int
    done: int
    refused: int
    items: list[SettledLetter]
    next_cursor: str | None
