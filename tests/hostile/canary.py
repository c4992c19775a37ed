"""A server that must see nobody: it takes connections and datagrams, and remembers each."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

HOST = "127.0.0.1"


@dataclass
class Canary:
    """`visits` says who came: by TCP (HTTP and whatever else), or by UDP (DNS, RTP)."""

    port: int
    visits: list[str] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def visit(self, patience_s: float) -> bool:
        """Wait for one, and return whether it came."""
        return self.came.wait(patience_s)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@contextlib.contextmanager
def canary() -> Iterator[Canary]:
    """Listen at one port for both, until the block ends."""
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server((HOST, 0)))
        port = tcp.getsockname()[1]
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind((HOST, port))
        reading, ending = (stack.enter_context(end) for end in socket.socketpair())
        made = Canary(port)
        thread = threading.Thread(target=_listen, args=(made, tcp, udp, reading), name="canary")
        thread.start()
        stack.callback(thread.join)
        stack.callback(ending.send, b"!")
        yield made


def _listen(made: Canary, tcp: socket.socket, udp: socket.socket, ending: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        for one in (tcp, udp, ending):
            selector.register(one, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if ending in ready:
                return
            if tcp in ready:
                connection, address = tcp.accept()
                connection.close()
                made.visits.append(f"TCP from {address}")
                made.came.set()
            if udp in ready:
                made.visits.append(f"UDP: {udp.recv(2048)[:80]!r}")
