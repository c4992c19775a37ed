"""`dataflux models` against a server with ranges and faults: resumes, refuses, stays offline."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from analyzers.models import brought
from analyzers.models.manifest import Model
from local import cli, models_commands

WEIGHTS = bytes(range(256)) * 20_000
WORDS = b'{"tokens": []}'
BREAKS = 4 << 20


@dataclass
class Hub:
    """A hub of models whose faults are set by tests; every request is kept."""

    files: dict[str, bytes]
    breaks_after: int | None = None
    """So many bytes of a body are sent, then the connection breaks; each answer more of it."""
    ranges: bool = True
    status: int = 200
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        wanted = http.headers.get("range")
        self.asked.append((http.path, wanted))
        if self.status != 200:
            http.send_error(self.status)
            return
        data = self.files[http.path]
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.ranges else 0
        http.send_response(206 if begin else 200)
        http.send_header("content-length", str(len(data) - begin))
        if begin:
            http.send_header("content-range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        http.end_headers()
        http.wfile.write(data[begin:][: self.breaks_after])


@pytest.fixture
def hub() -> Iterator[Hub]:
    made = Hub({"/a/model.onnx": WEIGHTS, "/a/tokenizer.json": WORDS})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def entry(name: str, data: bytes, url: str) -> dict[str, Any]:
    return {
        "path": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "url": f"{url}/a/{name}",
    }


@pytest.fixture
def run(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command with a catalogue of one model, on the hub."""
    mini = Model.model_validate(
        {
            "name": "mini",
            "kind": "text-encoder",
            "license": "MIT",
            "dimensions": 4,
            "text": {"file": "model.onnx", "length": 16},
            "files": [
                entry("model.onnx", WEIGHTS, hub.url),
                entry("tokenizer.json", WORDS, hub.url),
            ],
        }
    )
    for module in (models_commands, brought):
        monkeypatch.setattr(module, "catalog", lambda: {"mini": mini})
    monkeypatch.setenv("DATAFLUX_MODELS", str(tmp_path / "models"))

    def ask(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dataflux", "models", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, out, err

    return ask


Run = Callable[..., tuple[int, str, str]]


def test_pull_list_verify(run: Run, hub: Hub, tmp_path: Path) -> None:
    code, out, _ = run("list", "--json")
    assert (code, json.loads(out)["models"][0]["here"]) == (0, False)
    assert hub.asked == [], "only pull asks anybody"
    assert run("pull", "mini")[0] == 0
    assert (tmp_path / "models/mini/model.onnx").read_bytes() == WEIGHTS
    assert json.loads(run("list", "--json")[1])["models"][0]["here"] is True
    assert run("verify", "--json")[:2] == (0, '{"models": {"mini": []}}\n')
    (tmp_path / "models/mini/tokenizer.json").write_bytes(b"?")
    code, out, _ = run("verify")
    assert code == 1
    assert "broken: tokenizer.json" in out
    hub.asked.clear()
    assert run("pull", "mini")[0] == 0
    assert hub.asked == [("/a/tokenizer.json", None)]


def test_a_broken_connection_goes_on_where_it_was(run: Run, hub: Hub) -> None:
    hub.breaks_after = BREAKS
    assert run("pull", "mini")[0] == 0
    assert [wanted for path, wanted in hub.asked if path == "/a/model.onnx"] == [
        None,
        f"bytes={BREAKS}-",
    ]


def test_a_server_that_gives_nothing_is_given_up_and_resumed_later(run: Run, hub: Hub) -> None:
    hub.breaks_after = BREAKS
    hub.ranges = False  # each answer breaks at the same place, so none gets further
    code, _, err = run("pull", "mini")
    assert code == 1
    assert f"at byte {BREAKS} of {len(WEIGHTS)}; run the same command again" in err
    hub.breaks_after, hub.ranges = None, True
    hub.asked.clear()
    assert run("pull", "mini")[0] == 0
    assert hub.asked[0] == ("/a/model.onnx", f"bytes={BREAKS}-")


def test_a_server_without_ranges_starts_anew(run: Run, hub: Hub, tmp_path: Path) -> None:
    hub.breaks_after, hub.ranges = BREAKS, False
    run("pull", "mini")
    hub.breaks_after = None
    assert run("pull", "mini")[0] == 0
    assert (tmp_path / "models/mini/model.onnx").read_bytes() == WEIGHTS


@pytest.mark.parametrize("change", [lambda d: d[:-1] + b"!", lambda d: d + b"more"])
def test_other_bytes_are_refused(
    run: Run, hub: Hub, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    hub.files["/a/model.onnx"] = change(WEIGHTS)
    code, _, err = run("pull", "mini")
    assert code == 1
    assert "nothing was installed" in err
    assert not (tmp_path / "models/mini").exists()
    hub.files["/a/model.onnx"] = WEIGHTS
    assert run("pull", "mini")[0] == 0


@pytest.mark.parametrize("status", [404, 403, 500])
def test_an_answer_that_is_no_file(run: Run, hub: Hub, status: int) -> None:
    hub.status = status
    code, _, err = run("pull", "mini")
    assert code == 1
    assert str(status) in err


def test_offline_asks_nobody(run: Run, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAFLUX_OFFLINE", "true")
    code, _, err = run("pull", "mini")
    assert (code, hub.asked) == (1, [])
    assert "dataflux models add" in err
    assert run("pull", "mini", "--mirror", hub.url)[0] == 0


def test_files_brought_by_hand_are_known_by_checksum(run: Run, tmp_path: Path, hub: Hub) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "whatever.bin").write_bytes(WEIGHTS)
    code, _, err = run("add", "mini", "--from", str(stick))
    assert code == 4
    assert "of tokenizer.json" in err
    (stick / "t.json").write_bytes(WORDS)
    assert run("add", "mini", "--from", str(stick))[0] == 0
    assert hub.asked == []
    assert run("verify", "mini")[0] == 0


def test_a_model_of_ones_own(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(b"weights")
    described = {"name": "own", "kind": "speech", "license": "Secret", "files": ["weights.bin"]}
    (folder / "model.json").write_text(json.dumps(described))
    code, _, err = run("add", "own", "--from", str(folder))
    assert code == 1
    assert "--accept-license" in err
    assert run("add", "own", "--from", str(folder), "--accept-license")[0] == 0
    names = [m["name"] for m in json.loads(run("list", "--json")[1])["models"]]
    assert names == ["mini", "own"]
    assert run("add", "other", "--from", str(folder))[0] == 1
    assert run("add", "other", "--from", str(tmp_path))[0] == 4


def test_unknown_names(run: Run) -> None:
    assert run("pull", "maxi")[0] == 4
    assert run("verify", "maxi")[0] == 4


def test_nothing_else_can_download() -> None:
    """No hub client anywhere; httpx only where the command line talks to its installation."""
    root = Path(cli.__file__).parents[1]
    clients = re.compile(r"^\s*(?:import|from) (httpx|requests|urllib\.request|http\.client)", re.M)
    asks = {
        path.relative_to(root).as_posix(): set(clients.findall(path.read_text()))
        for package in (
            "schemas",
            "dataflux",
            "events",
            "stores",
            "analyzers",
            "functions",
            "local",
        )
        for path in (root / package).rglob("*.py")
    }
    outside = {name for name, found in asks.items() if "httpx" in found}
    assert {name for name in outside if not name.startswith("local/")} == set()
    assert not any("huggingface_hub" in (root / name).read_text() for name in asks)
