"""Messages between parent and zygote: JSON with its length in front, descriptors beside it."""

import json
import socket
import struct
from collections.abc import Sequence
from typing import Any

LENGTH = struct.Struct("!I")

Message = dict[str, Any]


def send(to: socket.socket, message: Message, fds: Sequence[int] = ()) -> None:
    """Send a message whole; two threads must not do so at once."""
    body = json.dumps(message).encode()
    if fds:
        socket.send_fds(to, [LENGTH.pack(len(body))], list(fds))
        to.sendall(body)
    else:
        to.sendall(LENGTH.pack(len(body)) + body)


def receive(of: socket.socket, most_fds: int = 0) -> tuple[Message | None, list[int]]:
    """Return the next message and its descriptors; None when the other side has gone."""
    if most_fds:
        head, fds, _, _ = socket.recv_fds(of, LENGTH.size, most_fds)
    else:
        head, fds = of.recv(LENGTH.size), []
    if not head:
        return None, fds
    (length,) = LENGTH.unpack(head + _exactly(of, LENGTH.size - len(head)))
    message: Message = json.loads(_exactly(of, length))
    return message, fds


def _exactly(of: socket.socket, length: int) -> bytes:
    parts = []
    while length:
        part = of.recv(length)
        if not part:
            raise ConnectionResetError("the other side has closed inside a message")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
