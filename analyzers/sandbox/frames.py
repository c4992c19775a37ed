"""What crosses the pipe: a JSON head and raw bytes, each with its length in front."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LENGTHS = struct.Struct("!IQ")
HEAD_LIMIT = 8 << 20
PAYLOAD_LIMIT = 64 << 20

Frame = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], payload: bytes = b"") -> bytes:
    encoded = json.dumps(head, allow_nan=False, separators=(",", ":")).encode()
    return LENGTHS.pack(len(encoded), len(payload)) + encoded + payload


def is_json(head: dict[str, Any]) -> bool:
    """Return whether a head can be sent: analyzers put anything into their findings."""
    try:
        return len(pack(head)) <= HEAD_LIMIT
    except (TypeError, ValueError, RecursionError):
        return False


class Malformed(ValueError):
    """The child has sent what no frame is, or more than it may."""


@dataclass
class FrameReader:
    """Cuts a stream of bytes into frames; `limit` bounds their total, `heads` that of the JSON."""

    limit: int
    heads: int
    _buffer: bytearray = field(default_factory=bytearray)
    _seen: int = 0
    _seen_heads: int = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole now; lengths are checked before anything is buffered."""
        self._buffer += data
        self._seen += len(data)
        if self._seen > self.limit:
            raise Malformed(f"more than {self.limit} bytes of output")
        while len(self._buffer) >= LENGTHS.size:
            head, payload = LENGTHS.unpack_from(self._buffer)
            if head > HEAD_LIMIT or payload > PAYLOAD_LIMIT:
                raise Malformed(f"a frame of {head} + {payload} bytes")
            end = LENGTHS.size + head + payload
            if len(self._buffer) < end:
                return
            self._count(head)
            raw = bytes(self._buffer[LENGTHS.size : end])
            del self._buffer[:end]
            yield _parse(raw[:head]), raw[head:]

    def _count(self, head: int) -> None:
        self._seen_heads += head
        if self._seen_heads > self.heads:
            raise Malformed(f"more than {self.heads} bytes of JSON")


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Malformed("a head that is no JSON") from error
    if not isinstance(head, dict):
        raise Malformed("a head that is no object")
    return head
