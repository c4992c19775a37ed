"""The command line against a small server: what it asks, prints, and exits with."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import cli
from local.client import Client

LINEAGE = "07ea1f2c-0000-8000-8000-000000000001"
SEGMENT = "07ea1f2c-0000-8000-8000-000000000002"
ADDRESS = f"asset:{LINEAGE}@1"

ASSET = {
    "id": LINEAGE,
    "lineage": LINEAGE,
    "address": ADDRESS,
    "filename": "film.mp4",
    "kind": "video",
    "mime_type": "video/mp4",
    "size": 10,
    "status": "completed",
    "reason": None,
    "detail": "",
    "run": "r1",
    "done": True,
    "created_at": "2026-01-01T00:00:00Z",
    "indexed_at": "2026-01-01T00:00:01Z",
}
TEXT = {"source": "spoken", "language": "en", "body": "hello there", "confidence": 0.4}
SHOWN_SEGMENT = {"id": SEGMENT, "address": f"{ADDRESS}#t=1,2", "type": "scene", "texts": [TEXT]}
HIT = {
    "address": f"{ADDRESS}#t=1,2",
    "filename": "film.mp4",
    "score": 0.91,
    "signals": [
        {
            "signal": "words",
            "score": 0.91,
            "source": "spoken",
            "snippet": "hello [there]",
            "marks": [[0, 5]],
            "model": "m",
        },
        {"signal": "visual/fallback@1", "score": 0.5, "model": "fallback"},
    ],
}
FOUND = {"hits": [HIT], "no_good_match": False, "threshold": 0.5, "took_ms": 3}
NOTHING = {"hits": [], "no_good_match": True, "threshold": 0.5, "took_ms": 3}
STATUS = {
    "assets": {"completed": 2},
    "kinds": {"video": 2},
    "reasons": {},
    "waiting": [{"stage": "segment", "lane": "high", "ready": 1, "leased": 2, "oldest_s": 0.1}],
    "lag": {},
    "dead_letters": 0,
    "analyzers": ["video@1"],
}
TRACE = {
    "asset": ASSET,
    "runs": [
        {
            "id": "r1",
            "state": "completed",
            "lane": "high",
            "created_at": "2026-01-01T00:00:00Z",
            "indexed_at": "2026-01-01T00:00:02Z",
            "stages": [
                {
                    "stage": "segment",
                    "opened_at": "2026-01-01T00:00:00Z",
                    "pieces": [
                        {
                            "index": 0,
                            "attempts": [
                                {
                                    "n": 1,
                                    "claimed_at": "2026-01-01T00:00:00.5Z",
                                    "ended_at": "2026-01-01T00:00:01Z",
                                    "outcome": "done",
                                }
                            ],
                        }
                    ],
                }
            ],
        }
    ],
}
SENT = {"id": LINEAGE, "lineage": LINEAGE, "sha256": "0", "size": 3, "duplicate_of": None}


def problem(status: int, detail: str, mend: str = "") -> httpx.Response:
    return httpx.Response(status, json={"detail": detail, "mend": mend, "errors": []})


Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


@dataclass
class Server:
    """Answers by method and path; every request is kept."""

    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[httpx.Request] = field(default_factory=list)

    def on(self, route: str, answer: Answer | dict[str, Any]) -> None:
        self.answers[route] = (
            httpx.Response(200, json=answer) if isinstance(answer, dict) else answer
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.get(f"{request.method} {request.url.path.removeprefix('/api/v1')}")
        if answer is None:
            return problem(404, "nothing is known here", "check the id")
        if callable(answer):
            return answer(request)
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    serving = Server()

    @contextmanager
    def connected(home: Path | None = None) -> Iterator[Client]:
        transport = httpx.MockTransport(serving)
        with httpx.Client(transport=transport, base_url="http://127.0.0.1:7") as http:
            yield Client(http)

    monkeypatch.setattr(cli, "connected", connected)
    return serving


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def running(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dataflux", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "film.mp4"
    made.write_bytes(b"abc")
    return made


def test_help_has_the_exit_codes(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    for number in range(6):
        assert f"{number} " in ran.out.partition("Exit codes")[2]


@pytest.mark.parametrize(
    "command",
    ["up", "ingest", "search", "show", "open", "trace", "retry", "rm", "status", "reset", "doctor"],
)
def test_every_command_has_an_example_and_json(run: Run, command: str) -> None:
    out = run(command, "--help").out
    assert "Example" in out
    assert "--json" in out


# -- ingest --------------------------------------------------------------------------------------


def test_ingest_uploads_and_waits_until_it_can_be_found(
    run: Run, server: Server, file: Path
) -> None:
    polls = iter([{**ASSET, "status": "processing", "done": False}, ASSET])
    server.on("POST /assets", httpx.Response(202, json=SENT))
    server.on(f"GET /assets/{LINEAGE}", lambda _: httpx.Response(200, json=next(polls)))
    ran = run("ingest", str(file), "--priority", "2", "--json")
    assert ran.code == 0
    (one,) = ran.json
    assert (one["filename"], one["status"], one["id"]) == ("film.mp4", "completed", LINEAGE)
    form = server.requests[0].content
    assert b'name="priority"\r\n\r\n2' in form
    assert b'name="bulk"\r\n\r\nfalse' in form
    assert b"abc" in form


def test_ingest_need_not_wait(run: Run, server: Server, file: Path) -> None:
    server.on("POST /assets", httpx.Response(202, json=SENT))
    ran = run("ingest", str(file), "--no-wait")
    assert (ran.code, len(server.requests)) == (0, 1)
    assert "uploaded" in ran.out


def test_a_failed_asset_says_why_and_exits_5(run: Run, server: Server, file: Path) -> None:
    server.on("POST /assets", httpx.Response(202, json=SENT))
    server.on(f"GET /assets/{LINEAGE}", {**ASSET, "status": "failed", "reason": "corrupt_media"})
    ran = run("ingest", str(file))
    assert ran.code == 5
    assert "failed (corrupt_media)" in ran.out


def test_a_refused_file_leaves_the_others(run: Run, server: Server, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)

    def answer(request: httpx.Request) -> httpx.Response:
        if b"a.txt" in request.content:
            return problem(413, "too large", "raise the limit")
        return httpx.Response(202, json=SENT)

    server.on("POST /assets", answer)
    server.on(f"GET /assets/{LINEAGE}", ASSET)
    ran = run("ingest", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"), "--json")
    assert ran.code == 5
    assert [one["status"] for one in ran.json] == ["refused", "completed"]
    assert ran.json[0]["detail"] == "too large; raise the limit"


def test_a_duplicate_keeps_its_own_name(run: Run, server: Server, file: Path) -> None:
    server.on("POST /assets", httpx.Response(202, json={**SENT, "duplicate_of": LINEAGE}))
    server.on(f"GET /assets/{LINEAGE}", {**ASSET, "filename": "older.mp4"})
    ran = run("ingest", str(file))
    assert ran.code == 0
    assert "film.mp4  here already" in ran.out


def test_a_folder_without_files_is_no_success(run: Run, tmp_path: Path) -> None:
    ran = run("ingest", str(tmp_path))
    assert (ran.code, ran.out) == (2, "")
    assert "no files there" in ran.err


def test_a_folder_gives_what_is_meant_in_it(run: Run, server: Server, tmp_path: Path) -> None:
    for name in ("a/one.txt", "a/.hidden", "a/.git/two.txt", "a/b/three.txt", "a/four.part"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("x")
    server.on("POST /assets", httpx.Response(202, json=SENT))
    ran = run("ingest", str(tmp_path / "a"), "--no-wait", "--json")
    assert [one["filename"] for one in ran.json] == ["one.txt", "three.txt"]


def test_waiting_ends_at_its_timeout(run: Run, server: Server, file: Path) -> None:
    server.on("POST /assets", httpx.Response(202, json=SENT))
    server.on(f"GET /assets/{LINEAGE}", {**ASSET, "status": "processing", "done": False})
    ran = run("ingest", str(file), "--timeout", "0", "--json")
    assert (ran.code, ran.json[0]["status"]) == (5, "processing")


def test_without_a_terminal_there_is_no_progress_bar(run: Run, server: Server, file: Path) -> None:
    server.on("POST /assets", httpx.Response(202, json=SENT))
    assert run("ingest", str(file), "--no-wait").err == ""


def test_a_missing_file_is_wrong_usage(run: Run, server: Server) -> None:
    ran = run("ingest", "/nowhere/film.mp4")
    assert ran.code == 2
    assert not server.requests


# -- search --------------------------------------------------------------------------------------


def test_search_prints_address_score_and_what_matched(run: Run, server: Server) -> None:
    server.on("POST /search", FOUND)
    ran = run("search", "hello")
    assert ran.code == 0
    for part in ("film.mp4", "0.91", f"{ADDRESS}#t=1,2", "hello [there]", "visual/fallback@1"):
        assert part in ran.out
    assert server.body["query"] == "hello"


def test_flags_become_filters(run: Run, server: Server) -> None:
    server.on("POST /search", FOUND)
    run(
        *("search", "hello", "--kind", "video", "--kind", "audio", "--tag", "news"),
        *("--since", "2026-01-01", "--limit", "3", "--by-asset"),
        *("--filters", '{"domain": {"eq": "audio"}}'),
    )
    assert server.body == {
        "query": "hello",
        "filters": {
            "domain": {"eq": "audio"},
            "kind": {"in": ["video", "audio"]},
            "tag": {"in": ["news"]},
            "time": {"gte": "2026-01-01"},
        },
        "group_by": "asset",
        "limit": 3,
        "threshold": 0.5,
    }


def test_search_by_a_segment(run: Run, server: Server) -> None:
    server.on("POST /search", FOUND)
    assert run("search", "--like", SEGMENT).code == 0
    assert server.body["query"] == {"segment": SEGMENT}


def test_search_by_an_image(run: Run, server: Server, file: Path) -> None:
    server.on("POST /search", FOUND)
    assert run("search", "--image", str(file), "--kind", "image").code == 0
    request = server.requests[-1]
    assert request.headers["content-type"].startswith("multipart/form-data")
    assert b'{"kind": {"in": ["image"]}}' in request.content
    assert b"abc" in request.content


def test_no_good_match_says_so_and_exits_5(run: Run, server: Server) -> None:
    server.on("POST /search", NOTHING)
    ran = run("search", "submarine")
    assert ran.code == 5
    assert "no good match" in ran.out


def test_search_prints_the_answer_as_json(run: Run, server: Server) -> None:
    server.on("POST /search", FOUND)
    assert run("search", "hello", "--json").json == FOUND


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a", "--like", SEGMENT),
        ("a", "--filters", "{"),
        ("a", "--filters", "[1]"),
        ("--image", "/nowhere.jpg"),
        ("a", "--limit", "0"),
    ],
)
def test_wrong_usage_exits_2_and_asks_nothing(
    run: Run, server: Server, arguments: tuple[str, ...]
) -> None:
    assert run("search", *arguments).code == 2
    assert not server.requests


# -- one asset -----------------------------------------------------------------------------------


def test_show_takes_an_address_and_lists_segments(run: Run, server: Server) -> None:
    server.on(f"GET /assets/{LINEAGE}", ASSET)
    server.on(f"GET /assets/{LINEAGE}/segments", {"items": [SHOWN_SEGMENT], "next_cursor": None})
    ran = run("show", f"{ADDRESS}#t=1,2")
    assert ran.code == 0
    assert "completed" in ran.out
    assert "hello there" in ran.out


def test_show_tells_what_was_found_in_a_text(run: Run, server: Server) -> None:
    names = {"persons": ["Ann", "Bo"], "places": ["Paris"]}
    features = [
        {"domain": "semantic", "type": "names", "data": names, "confidence": 0.8},
        {"domain": "semantic", "type": "sentiment", "data": {"label": "positive", "score": 0.4}},
        {"domain": "visual", "type": "phash", "data": {"hex": "00ff"}, "confidence": None},
    ]
    server.on(f"GET /segments/{SEGMENT}", {**SHOWN_SEGMENT, "features": features})
    out = run("show", SEGMENT).out
    assert "persons: Ann, Bo (0.80); places: Paris (0.80)" in out
    assert "sentiment label: positive" in out
    assert "00ff" not in out


def test_show_takes_a_segment(run: Run, server: Server) -> None:
    server.on(f"GET /segments/{SEGMENT}", {**SHOWN_SEGMENT, "segments": []})
    ran = run("show", SEGMENT)
    assert ran.code == 0
    assert "hello there" in ran.out


def test_what_is_not_there_exits_4_with_the_mend(run: Run, server: Server) -> None:
    ran = run("show", "07ea")
    assert ran.code == 4
    assert ran.err == "dataflux: nothing is known here; check the id\n"


def test_open_prints_the_place_of_a_moment(run: Run, server: Server) -> None:
    server.on(f"GET /assets/{LINEAGE}", ASSET)
    ran = run("open", f"{ADDRESS}#t=1,2", "--print")
    assert ran.code == 0
    assert ran.out == (f"http://127.0.0.1:7/open?address=asset%3A{LINEAGE}%401%23t%3D1%2C2\n")


def test_open_opens_the_browser(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    server.on(f"GET /assets/{LINEAGE}", ASSET)
    run("open", ADDRESS)
    assert opened == [f"http://127.0.0.1:7/open?address=asset%3A{LINEAGE}%401"]


def test_trace_draws_a_waterfall(run: Run, server: Server) -> None:
    server.on(f"GET /assets/{LINEAGE}/trace", TRACE)
    ran = run("trace", LINEAGE)
    assert ran.code == 0
    assert "segment[0]" in ran.out
    assert "█" in ran.out
    assert "waited 0.50 s" in ran.out


def test_retry_plans_a_run(run: Run, server: Server) -> None:
    server.on(f"POST /assets/{LINEAGE}/retry", {"id": LINEAGE, "run": "r2", "location": "/"})
    assert "run r2 is planned" in run("retry", LINEAGE).out
    assert run("retry", LINEAGE, "--json").json["run"] == "r2"


def test_rm_hides_each(run: Run, server: Server) -> None:
    for asset in (LINEAGE, SEGMENT):
        server.on(f"DELETE /assets/{asset}", httpx.Response(204))
    assert run("rm", LINEAGE, SEGMENT, "--json").json == {"hidden": [LINEAGE, SEGMENT]}


def test_status_says_what_there_is(run: Run, server: Server) -> None:
    server.on("GET /status", STATUS)
    out = run("status").out
    assert "2 completed" in out
    assert "pieces open   3" in out
    assert run("status", "--json").json == {"url": "http://127.0.0.1:7", **STATUS}


# -- errors --------------------------------------------------------------------------------------


def test_a_server_that_is_gone_exits_3(run: Run, server: Server) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    server.on("GET /status", refuse)
    ran = run("status")
    assert ran.code == 3
    assert "run `dataflux up`" in ran.err
    assert "Traceback" not in ran.err


def test_no_emulator_exits_3(run: Run, tmp_path: Path) -> None:
    ran = run("status", "--home", str(tmp_path))
    assert ran.code == 3
    assert f"no emulator runs in {tmp_path}" in ran.err


def test_a_server_error_exits_1(run: Run, server: Server) -> None:
    server.on("GET /status", problem(503, "the records are down", "try again"))
    ran = run("status")
    assert (ran.code, ran.err) == (1, "dataflux: the records are down; try again\n")


def test_bad_settings_exit_1_and_name_the_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATAFLUX_URL", raising=False)
    monkeypatch.setenv("DATAFLUX_PORT", "many")
    ran = run("status")
    assert ran.code == 1
    assert "DATAFLUX_PORT" in ran.err


def test_an_unknown_command_is_wrong_usage(run: Run) -> None:
    assert run("explode").code == 2


def test_reset_as_json(run: Run, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    assert run("reset", "--home", str(tmp_path), "--yes", "--json").json == {"home": str(tmp_path)}
