"""Knative's `func`: its schema accepts every func.yaml, and what it sends, functions take."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from jsonschema import Draft4Validator, FormatChecker
from starlette.testclient import TestClient

from functions.api.app import EVERYTHING, create_app
from functions.hosts.function import FunctionApp
from functions.targets import BY_NAME
from infra.knative import generate
from local import function_routes
from tests.e2e.running import emulator
from tests.fixtures.platform import Platform, admin_of
from tests.fixtures.programs import module_folder, program
from tests.functions.hosts.test_http import Built

FUNCTIONS = Path(generate.ROOT) / "functions"
SCHEMA = Path(__file__).parent / "func" / "func_yaml-schema.json"
FILES = sorted(FUNCTIONS.glob("*/func.yaml"))
EVENT = {"id": "42", "source": "/by/hand", "type": "io.dataflux.timer.tick"}
DATA = {"timer": "reconcile"}


def problems(described: Any) -> list[str]:
    schema = json.loads(SCHEMA.read_text())
    found = Draft4Validator(schema, format_checker=FormatChecker()).iter_errors(described)
    return sorted(error.message for error in found)


def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_func_accepts_every_func_yaml(path: Path) -> None:
    described = loaded(path)
    assert problems(described) == []
    assert described["name"] == path.parent.name
    events = generate.takes_events(described["name"])
    assert described["invoke"] == ("cloudevent" if events else "http")


def test_every_function_is_described() -> None:
    assert {path.parent.name for path in FILES} == {*BY_NAME, "api", "search"}


def test_func_refuses_a_misspelt_field() -> None:
    described = loaded(FILES[0])
    described["deploy"]["option"] = {}
    assert problems(described)


def by_func() -> dict[str, Any]:
    """The very request of `func invoke --format cloudevent`, as the real one sends it."""
    headers = {f"Ce-{name.title()}": value for name, value in EVENT.items()}
    headers |= {"Ce-Specversion": "1.0", "Content-Type": "application/json"}
    return {"headers": headers, "content": json.dumps(DATA, separators=(",", ":"))}


def test_a_function_takes_what_func_sends(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataflux.telemetry.configure", lambda *_: None)
    app = FunctionApp(BY_NAME["reconcile"], Built(platform.deps))
    with TestClient(app) as client:
        answer = client.post("/", **by_func())
    assert (answer.status_code, answer.content) == (200, b"")


def test_the_emulator_takes_what_func_sends(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = admin_of(platform)
    monkeypatch.setattr(function_routes, "authenticate", lambda deps, token: admin)
    app = create_app(platform.deps, routers=(*EVERYTHING, function_routes.router))
    answer = TestClient(app).post(f"/functions/reconcile?token={platform.token}", **by_func())
    assert (answer.status_code, answer.content) == (200, b"")


class Passing(BaseHTTPRequestHandler):
    """Hands a request on, and keeps it with its answer."""

    server: "Listening"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        answer = httpx.post(self.server.target, headers=headers, content=body, timeout=60)
        self.server.seen.append((headers, body, answer.status_code))
        self.send_response(answer.status_code)
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Listening(ThreadingHTTPServer):
    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.target = target
        self.seen: list[tuple[dict[str, str], bytes, int]] = []


@contextmanager
def listening(target: str) -> Iterator[Listening]:
    """Stand between `func` and a function."""
    server = Listening(target)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.services
@pytest.mark.parametrize("isolated", [False, True], ids=["emulator", "isolated"])
def test_func_invoke_works(tmp_path: Path, isolated: bool) -> None:
    with ExitStack() as stack:
        options = ["--isolated"] if isolated else []
        running = stack.enter_context(emulator(tmp_path / "home", *options))
        token = running.client.headers["authorization"].removeprefix("Bearer ")
        target = (
            running.functions["reconcile"]
            if isolated
            else f"{running.url}/functions/reconcile?token={token}"
        )
        between = stack.enter_context(listening(target))
        _invoke(f"http://127.0.0.1:{between.server_port}", tmp_path)
        ((headers, body, status),) = between.seen
    assert status == 200
    sent = {name: value for name, value in headers.items() if name in by_func()["headers"]}
    assert sent == by_func()["headers"]
    assert body.decode() == by_func()["content"]


def _invoke(target: str, home: Path) -> None:
    event = [part for name, value in EVENT.items() for part in (f"--{name}", value)]
    command = [str(program("func")), "invoke", "--target", target, "--format", "cloudevent"]
    subprocess.run(
        [*command, *event, "--content-type", "application/json", "--data", json.dumps(DATA)],
        cwd=FUNCTIONS / "reconcile",
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        check=True,
        timeout=60,
    )


@pytest.mark.services
def test_the_schema_is_the_one_of_func() -> None:
    theirs = module_folder("knative.dev/func", "v0.44.0") / "schema" / SCHEMA.name
    assert json.loads(SCHEMA.read_text()) == json.loads(theirs.read_text())
