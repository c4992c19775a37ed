"""The HTTP API: uploads, lists, downloads, search; and one shape for every error."""

import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image
from starlette.testclient import TestClient

from dataflux.permissions import Role
from functions.api.app import create_app
from stores.records import arrivals
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, check_problem, client, stranger, upload


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(out, "PNG")
    return out.getvalue()


def test_an_upload_is_followed_to_the_moment(http: TestClient, platform: Platform) -> None:
    sent = upload(http)
    arriving = http.get(sent["location"]).json()
    assert (arriving["status"], arriving["done"]) == ("uploaded", False)
    platform.pump()
    asset = http.get(sent["location"]).json()
    assert (asset["status"], asset["done"], asset["version"]) == ("completed", True, 1)
    answer = http.post("/api/v1/search", json={"query": "otters"}).json()
    (hit, *_) = answer["hits"]
    assert hit["asset"] == sent["id"]
    (words, *_) = hit["signals"]
    assert words["snippet"][slice(*words["marks"][0])] == "Otters"
    segments = http.get(f"/api/v1/assets/{sent['id']}/segments").json()["items"]
    assert [t["body"] for s in segments for t in s["texts"]][-1] == "Otters sleep in kelp."
    one = http.get(f"/api/v1/segments/{hit['segment']}").json()
    assert one["address"] == hit["address"]
    trace = http.get(f"/api/v1/assets/{sent['id']}/trace").json()
    assert [s["stage"] for s in trace["runs"][0]["stages"]][:3] == ["segment", "stitch", "analyze"]


def test_an_upload_that_is_taken_in_while_it_is_asked_for_is_there(
    http: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, latest = upload(http), arrivals.latest

    def late(*asked: Any) -> Any:
        platform.pump()  # between the look for the asset and the look for its arrival
        return latest(*asked)

    monkeypatch.setattr("functions.api.assets.arrivals.latest", late)
    answer = http.get(sent["location"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["done"]
    check_problem(http.get(f"/api/v1/assets/{uuid4()}"), 404)


def test_a_bare_body_is_an_upload_too(http: TestClient, platform: Platform) -> None:
    answer = http.post("/api/v1/assets?filename=n.md&priority=2", content=NOTES)
    assert answer.status_code == 202
    platform.pump()
    assert http.get(answer.headers["location"]).json()["priority"] == 2


def test_the_same_bytes_are_named(http: TestClient, platform: Platform) -> None:
    first = upload(http)
    platform.pump()
    assert upload(http, "copy.md")["duplicate_of"] == first["id"]


def test_lists_are_paged(http: TestClient, platform: Platform) -> None:
    for number in range(5):
        upload(http, f"n{number}.md", NOTES + bytes([48 + number]))
    platform.pump()
    names, cursor = [], None
    while True:
        page = http.get("/api/v1/assets", params={"limit": 2, "cursor": cursor or ""}).json()
        names += [item["filename"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(names) == [f"n{n}.md" for n in range(5)]
    assert http.get("/api/v1/assets", params={"kind": "video"}).json()["items"] == []


def test_segments_are_paged_by_the_same_cursor(http: TestClient, platform: Platform) -> None:
    body = "\n\n".join(f"Otter number {n} sleeps." for n in range(7))
    place = f"/api/v1/assets/{upload(http, data=body.encode())['id']}/segments"
    platform.pump()
    numbers, cursor = list[int](), ""
    for _ in range(10):
        page = http.get(place, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        numbers += [item["number"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert cursor is None
    assert len(numbers) >= 7
    assert numbers == list(range(len(numbers)))
    assert http.get(place, params={"first": 2, "limit": 1}).json()["items"][0]["number"] == 2
    check_problem(http.get(place, params={"cursor": "x"}), 422)


def test_content_has_ranges_and_never_runs_here(http: TestClient, platform: Platform) -> None:
    page = b"<html><body><script>alert(1)</script><p>Otters sleep in kelp.</p></body></html>"
    sent = upload(http, 'a"b.html', page)
    platform.pump()
    place = f"/api/v1/assets/{sent['id']}/content"
    whole = http.get(place)
    assert whole.content == page
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in whole.headers["content-security-policy"]
    assert whole.headers["x-content-type-options"] == "nosniff"
    part = http.get(place, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, page[2:6])
    assert part.headers["content-range"] == f"bytes 2-5/{len(page)}"
    assert http.get(place, headers={"range": "bytes=-7"}).content == page[-7:]
    check_problem(http.get(place, headers={"range": "bytes=9999-"}), 416)
    tagged = http.get(place, headers={"if-none-match": whole.headers["etag"]})
    assert tagged.status_code == 304


def test_renditions_are_served(http: TestClient, platform: Platform) -> None:
    upload(http, "red.png", picture())
    platform.pump()
    answer = http.post("/api/v1/search", files={"image": ("e.png", picture())}).json()
    (hit,) = answer["hits"]
    thumbnail = http.get(hit["thumbnail"])
    assert thumbnail.headers["content-type"].startswith("image/")
    check_problem(http.get(f"/api/v1/segments/{hit['segment']}/renditions/none"), 404)


def test_what_people_say_can_change_and_assets_can_be_hidden(
    http: TestClient, platform: Platform
) -> None:
    sent = upload(http)
    platform.pump()
    place = f"/api/v1/assets/{sent['id']}"
    assert http.put(place, json={"metadata": {"title": "Gulls"}}).status_code == 200
    assert http.delete(place).status_code == 204
    check_problem(http.get(place), 404)
    assert http.post("/api/v1/search", json={"query": "otters"}).json()["hits"] == []


def test_an_asset_can_be_processed_again(http: TestClient, platform: Platform) -> None:
    sent = upload(http)
    platform.pump()
    answer = http.post(f"/api/v1/assets/{sent['id']}/retry")
    assert answer.status_code == 202
    check_problem(http.post(f"/api/v1/assets/{sent['id']}/retry"), 409)
    platform.pump()
    runs = http.get(f"/api/v1/assets/{sent['id']}/trace").json()["runs"]
    assert [r["state"] for r in runs] == ["completed", "completed"]


def test_an_upload_may_be_the_next_version(http: TestClient, platform: Platform) -> None:
    first = upload(http)
    platform.pump()
    place = f"{first['location']}/versions"
    sent = http.post(place, params={"filename": "notes.md"}, content=b"Puffins nest in burrows.")
    assert (sent.status_code, sent.json()["lineage"]) == (202, first["lineage"])
    platform.pump()
    assert [v["version"] for v in http.get(place).json()["items"]] == [2, 1]
    (hit,) = http.post("/api/v1/search", json={"query": "puffins"}).json()["hits"]
    assert hit["address"].startswith(f"asset:{first['lineage']}@2#")
    assert http.post("/api/v1/search", json={"query": "otters"}).json()["hits"] == []
    with client(platform, stranger(platform)) as other:
        check_problem(other.post(place, params={"filename": "x.md"}, content=b"x"), 404)


def test_domains_that_are_not_wanted_are_not_analyzed(http: TestClient, platform: Platform) -> None:
    file = {"file": ("red.png", picture())}
    wanted = {"priorities": '{"visual": 0}'}
    sent = http.post("/api/v1/assets", files=file, data=wanted).json()
    platform.pump()
    assert "colors" not in features(http, sent)
    place = f"{sent['location']}/analyze"
    assert http.post(place, json={"priorities": {"visual": 5}}).status_code == 202
    platform.pump()
    assert "colors" in features(http, sent)
    assert http.post(place).status_code == 202  # those of the run before hold
    platform.pump()
    assert "colors" in features(http, sent)


@pytest.mark.parametrize("given", ["no", "[]", '{"smell": 1}', '{"visual": 11}', '{"visual": "a"}'])
def test_bad_priorities_are_named(http: TestClient, platform: Platform, given: str) -> None:
    file = {"file": ("red.png", picture())}
    answer = http.post("/api/v1/assets", files=file, data={"priorities": given})
    assert check_problem(answer, 422)["errors"][0]["field"] == "priorities"


def features(http: TestClient, sent: dict[str, Any]) -> set[str]:
    items = http.get(f"{sent['location']}/segments").json()["items"]
    return {feature["type"] for item in items for feature in item["features"]}


def test_a_stranger_sees_nothing(http: TestClient, platform: Platform) -> None:
    sent = upload(http)
    platform.pump()
    segment = http.post("/api/v1/search", json={"query": "otters"}).json()["hits"][0]["segment"]
    with client(platform, stranger(platform)) as other:
        assert other.get("/api/v1/assets").json()["items"] == []
        assert other.post("/api/v1/search", json={"query": "otters"}).json()["hits"] == []
        for path in (
            f"/api/v1/assets/{sent['id']}",
            f"/api/v1/assets/{sent['id']}/content",
            f"/api/v1/assets/{sent['id']}/segments",
            f"/api/v1/assets/{sent['id']}/trace",
            f"/api/v1/segments/{segment}",
            f"/api/v1/segments/{segment}/renditions/thumbnail",
            f"/api/v1/relationships?entity={segment}",
        ):
            hidden = check_problem(other.get(path), 404)
            absent = check_problem(other.get(path.replace(sent["id"], str(uuid4()))), 404)
            assert hidden["title"] == absent["title"]
        check_problem(other.delete(f"/api/v1/assets/{sent['id']}"), 404)
        like = {"query": {"segment": segment}}
        check_problem(other.post("/api/v1/search", json=like), 404)
        check_problem(other.post("/api/v1/similar", json={"entity_id": sent["id"]}), 404)
        status, stats = other.get("/api/v1/status").json(), other.get("/api/v1/stats").json()
        assert [status[n] for n in ("assets", "kinds", "reasons")] == [{}, {}, {}]
        assert [stats[n] for n in ("kinds", "segments")] == [{}, {}]
        check_problem(other.get("/api/v1/dead-letters"), 403)
    with client(platform, stranger(platform, Role.OPERATOR)) as operator:
        assert operator.get("/api/v1/dead-letters").json()["items"] == []
        assert operator.get("/api/v1/status").json()["assets"] == {"completed": 1}
    with client(platform, stranger(platform, Role.VIEWER)) as viewer:
        assert len(viewer.get("/api/v1/assets").json()["items"]) == 1
        check_problem(viewer.delete(f"/api/v1/assets/{sent['id']}"), 403)


@pytest.mark.parametrize("token", [None, "", "nonsense", "df_" + "x" * 43, "é", "x" * 10_000])
def test_no_token_no_answer(platform: Platform, token: str | None) -> None:
    with client(platform, None) as nobody:
        headers = {} if token is None else {"authorization": f"Bearer {token}".encode()}
        answer = nobody.get("/api/v1/assets", headers=headers)  # type: ignore[arg-type]
        check_problem(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": "x", "limit": 0}, "limit"),
        ({"query": "x", "limit": 10**30}, "limit"),
        ({"query": "x", "nonsense": 1}, "nonsense"),
        ({"query": "x", "filters": {"colour": {"eq": 1}}}, "colour"),
        ({"query": "x", "filters": {"kind": {"eq": "smell"}}}, "kind"),
        ({"query": "x", "threshold": 2}, "threshold"),
        ({"query": {"embedding": [1.0], "space": "none"}}, "query.space"),
        ({"query": {"embedding": [1.0], "space": "text/fallback@1"}}, "query.embedding"),
        ({"query": {"embedding": [0.0] * 512, "space": "text/fallback@1"}}, "query.embedding"),
        ({"query": {"segment": "x"}}, "query.segment"),
        ({"query": 5}, "query"),
        ({"query": "x", "limit": "5"}, "limit"),
        ({"query": "x", "limit": True}, "limit"),
    ],
)
def test_bad_searches_name_the_field(http: TestClient, body: Any, field: str) -> None:
    problem = check_problem(http.post("/api/v1/search", json=body), 422)
    assert [e["field"] for e in problem["errors"]] == [field]


def test_a_vector_of_the_right_kind_finds_nothing_where_nothing_is(http: TestClient) -> None:
    query = {"embedding": [1.0] * 512, "space": "text/fallback@1"}
    assert http.post("/api/v1/search", json={"query": query}).json()["no_good_match"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"nul",
        b'{"query": "\\u0000"}',
        b'{"query": "\\ud800"}',
        b"\xff\xfe",
        b"1" * 50,
    ],
)
def test_bad_bodies_are_never_our_fault(http: TestClient, content: bytes) -> None:
    answer = http.post("/api/v1/search", content=content)
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code != 200:
        check_problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "query", ['"', "'; DROP TABLE assets; --", "\\", "a" * 2000, "🦦 😀", "%_&|!():*<>"]
)
def test_any_words_may_be_asked(http: TestClient, query: str) -> None:
    assert http.post("/api/v1/search", json={"query": query}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/assets/nonsense",
        "/api/v1/assets?cursor=nonsense",
        "/api/v1/assets?limit=x",
        "/api/v1/assets?status=glad",
        "/api/v1/relationships?entity=x",
        f"/api/v1/relationships?entity={UUID(int=1)}&depth=99",
        f"/api/v1/relationships?entity={UUID(int=1)}&type=%00",
        f"/api/v1/assets/{UUID(int=1)}/segments?type=%00",
        f"/api/v1/assets/{UUID(int=1)}/segments?first=99999999999999999999",
        f"/api/v1/assets/{UUID(int=1)}/renditions/%00",
    ],
)
def test_bad_parameters_are_named(http: TestClient, path: str) -> None:
    assert check_problem(http.get(path), 422)["errors"]


def test_uploads_that_cannot_be_used(http: TestClient, platform: Platform) -> None:
    check_problem(http.post("/api/v1/assets", content=NOTES), 422)
    check_problem(http.post("/api/v1/assets", files={"other": ("a", b"x")}), 422)
    bad = http.post("/api/v1/assets?filename=a&priority=99&bulk=perhaps", content=NOTES)
    fields = {e["field"] for e in check_problem(bad, 422)["errors"]}
    assert fields == {"priority", "bulk"}
    broken = {"content-type": "multipart/form-data; boundary=x"}
    answer = http.post("/api/v1/assets", content=b"--x\r\nnonsense", headers=broken)
    assert answer.status_code in (400, 422)


def test_an_upload_that_is_too_large_is_refused(platform: Platform) -> None:
    from dataclasses import replace

    small = platform.deps.settings.model_copy(update={"upload_limit": 100})
    app = create_app(replace(platform.deps, settings=small))
    headers = {"authorization": f"Bearer {platform.token}"}
    with TestClient(app, headers=headers) as http:
        check_problem(http.post("/api/v1/assets?filename=a", content=b"x" * 101), 413)
        check_problem(http.post("/api/v1/assets", files={"file": ("a", b"x" * 101)}), 413)


def test_every_route_answers_errors_in_one_shape(http: TestClient, platform: Platform) -> None:
    paths = http.get("/api/v1/openapi.json").json()["paths"]
    api = {path: operations for path, operations in paths.items() if path.startswith("/api/")}
    assert len(api) > 12
    for template, operations in api.items():
        path = template.replace("{kind}", "none")
        for name in ("asset_id", "segment_id", "letter_id"):
            path = path.replace("{" + name + "}", str(uuid4()))
        check_problem(http.patch(path), 405)
        if "{" in template and "get" in operations:
            check_problem(http.get(path), 403 if "dead-letters" in path else 404)
    check_problem(http.get("/api/v1/nonsense"), 404)


def test_a_bug_says_nothing_of_itself(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("functions.api.assets.assets.page", bug)
    problem = check_problem(http.get("/api/v1/assets"), 500)
    assert "secret" not in str(problem)


def test_the_schema_names_its_operations(http: TestClient) -> None:
    schema = http.get("/api/v1/openapi.json").json()
    names = [op["operationId"] for path in schema["paths"].values() for op in path.values()]
    assert len(names) == len(set(names))
    assert {"assets_upload", "assets_list", "search", "similar"} <= set(names)


def test_health_and_metrics(http: TestClient) -> None:
    assert http.get("/healthz").text == "ok"
    assert http.get("/readyz").text == "ok"
    assert "dataflux_queue_depth" in http.get("/metrics").text
    status = http.get("/api/v1/status").json()
    assert status["dead_letters"] == 0
