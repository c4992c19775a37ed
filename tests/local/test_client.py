"""Where the command line finds an installation, and what it makes of answers."""

import json
from pathlib import Path

import httpx
import pytest

from local.client import Address, Client, Failed, NotRunning, find


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATAFLUX_URL", raising=False)
    monkeypatch.delenv("DATAFLUX_TOKEN", raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run.json").write_text(json.dumps({"url": "http://127.0.0.1:7", "pid": 1}))
    (tmp_path / "token").write_text("df_secret\n")
    return tmp_path


def test_the_emulator_of_a_home_is_found(home: Path) -> None:
    assert find(home) == Address("http://127.0.0.1:7", "df_secret")


def test_the_environment_names_another(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("DATAFLUX_URL", "https://media.example")
    monkeypatch.setenv("DATAFLUX_TOKEN", "t")
    assert find() == Address("https://media.example", "t")
    assert find(home).url == "http://127.0.0.1:7"


def test_without_an_emulator_the_mend_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match=r"no emulator runs in .*; run `dataflux up`"):
        find(tmp_path)


def client_that(answer: httpx.Response | Exception) -> Client:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(handle)
    return Client(httpx.Client(transport=transport, base_url="http://x"))


def test_a_problem_becomes_an_error_with_its_fields_and_mend() -> None:
    body = {
        "detail": "the upload cannot be used",
        "mend": "mend the named fields",
        "errors": [{"field": "priority", "problem": "is no number from 1 to 10"}],
    }
    with pytest.raises(Failed) as caught:
        client_that(httpx.Response(422, json=body)).get("/assets")
    assert str(caught.value) == (
        "the upload cannot be used; mend the named fields\n  priority: is no number from 1 to 10"
    )


def test_an_answer_that_is_no_problem_json_is_still_told() -> None:
    with pytest.raises(Failed, match="the server answered 502"):
        client_that(httpx.Response(502, text="<html>")).get("/assets")


def test_a_server_that_is_gone_is_not_running() -> None:
    with pytest.raises(NotRunning, match="nothing answers at http://x"):
        client_that(httpx.ConnectError("refused")).get("/assets")


def test_an_empty_answer_is_none() -> None:
    assert client_that(httpx.Response(204)).get("/assets") is None
