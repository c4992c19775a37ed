"""An editor attaches to a function, as `--debug` promises, and stops in it."""

import ast
import itertools
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedRWPair
from pathlib import Path
from typing import Any

import pytest

import functions.stitch.handler
from tests.e2e.running import emulator

pytestmark = pytest.mark.long

PATIENCE_S = 60.0
HANDLER = Path(functions.stitch.handler.__file__)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach, whoever else runs tests as root."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-debug-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@dataclass
class Editor:
    """Speaks the Debug Adapter Protocol, as editors do."""

    stream: BufferedRWPair
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    heard: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, command: str, **arguments: Any) -> int:
        number = next(self.numbers)
        said = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(said).encode()
        self.stream.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.stream.flush()
        return number

    def answer(self, command: str, **arguments: Any) -> dict[str, Any]:
        number = self.ask(command, **arguments)
        said = self.wait(lambda heard: heard.get("request_seq") == number)
        assert said["success"], said
        return dict(said.get("body") or {})

    def event(self, name: str) -> dict[str, Any]:
        return dict(self.wait(lambda heard: heard.get("event") == name).get("body") or {})

    def wait(self, wanted: Any) -> dict[str, Any]:
        while not any(map(wanted, self.heard)):
            self.heard.append(self._read())
        found: dict[str, Any] = next(filter(wanted, self.heard))
        self.heard.remove(found)
        return found

    def _read(self) -> dict[str, Any]:
        size = 0
        while line := self.stream.readline().strip():
            size = int(line.partition(b":")[2])
        assert size, "the debugger has hung up"
        said: dict[str, Any] = json.loads(self.stream.read(size))
        return said


def first_line() -> int:
    """Return where the handler's first statement is."""
    (handle,) = (
        node
        for node in ast.parse(HANDLER.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "handle"
    )
    return next(node.lineno for node in handle.body if not isinstance(node, ast.Expr))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_editor_stops_in_a_handler_and_goes_on(folder: Path) -> None:
    pytest.importorskip("debugpy")
    port, line = free_port(), first_line()
    with (
        emulator(folder / "home", "--debug", "stitch", "--debug-port", str(port)) as running,
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection,
    ):
        editor = Editor(connection.makefile("rwb"))
        editor.answer("initialize", adapterID="test", pathFormat="path")
        editor.ask("attach", justMyCode=False)
        editor.event("initialized")
        asked = {"source": {"path": str(HANDLER)}, "breakpoints": [{"line": line}]}
        (breakpoint_,) = editor.answer("setBreakpoints", **asked)["breakpoints"]
        assert breakpoint_["verified"]
        editor.answer("configurationDone")
        (running.inbox / "notes.md").write_text("# Notes\n\nOtters sleep in kelp.\n")
        stopped = editor.event("stopped")
        assert stopped["reason"] == "breakpoint"
        (frame, *_) = editor.answer("stackTrace", threadId=stopped["threadId"])["stackFrames"]
        assert (frame["name"], frame["line"]) == ("handle", line)
        assert stopped["allThreadsStopped"]
        editor.answer("setBreakpoints", source={"path": str(HANDLER)}, breakpoints=[])
        editor.answer("continue", threadId=stopped["threadId"])
        (asset,) = running.wait_until_done({"notes.md"})
        assert asset["status"] == "completed"
        editor.answer("disconnect")
        assert running.stop() == 0
