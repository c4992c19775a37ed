"""The pages over the embedded stores: who gets in, what they may load, and that all is escaped."""

import hashlib
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Caller, Role
from functions.api.app import create_app
from functions.api.callers import COOKIE
from functions.deps import Deps
from functions.ui import listing, pages, statics
from local import demo_media
from stores.records import assets, memberships, people
from stores.records.assets import NewAsset
from stores.records.database import Database
from tests.fixtures.platform import Platform
from tests.world import World, make_world

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}.mp4"
SAID = "puffins <b onclick=alert(3)>nest</b> on the island"
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
UNKNOWN = UUID("07ea35d6-01a2-8cff-9e4e-adfd725fa69d")


@pytest.fixture
def world(database: Database) -> World:
    return make_world(database)


@pytest.fixture
def anybody(platform: Platform) -> Iterator[TestClient]:
    """A browser that is not logged in."""
    with TestClient(create_app(platform.deps), follow_redirects=False) as client:
        yield client


def key_of(world: World, *roles: str) -> tuple[UUID, str]:
    """Return a new user and a token of theirs."""
    user, token = world.user(*roles).user, f"df_{world.make.token()}"
    with world.app() as conn:
        people.add_key(conn, people.NewKey(world.make.token(), user, token))
    return user, token


@pytest.fixture
def browser(anybody: TestClient, world: World) -> TestClient:
    """A browser of an administrator."""
    anybody.cookies.set(COOKIE, key_of(world, Role.ADMIN)[1])
    return anybody


@pytest.fixture
def film(world: World) -> UUID:
    """A film with a hostile name, in which something hostile is said from 6 s to 8 s."""
    film = world.make.lineage()
    with world.app() as conn:
        new = NewAsset(film, film, 1, "video", HOSTILE, "hash", 1, "video/mp4", "none")
        assets.create(conn, new)
        memberships.place(conn, film, ())
    for n in range(2):
        scene = world.segment(film, n, *([SAID] if n else []), start=6.0 * n, end=6.0 + 2.0 * n)
        world.run(
            "UPDATE segments SET start_marker = jsonb_build_object('time', t_start),"
            " end_marker = jsonb_build_object('time', t_end), numbered = true WHERE id = %s",
            scene,
        )
    return film


class Strict(HTMLParser):
    """Collects what the policy forbids, and the text that a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        for name, value in attrs:
            if name == "style" or name.startswith(("on", "hx-on")):
                self.bad.append(f"<{tag} {name}>")
            if name in ("src", "href", "action") and not re.match(r"[/#](?!/)", value or ""):
                self.bad.append(f"<{tag} {name}={value}>")
        if tag == "style" or (tag == "script" and not dict(attrs).get("src")):
            self.bad.append(f"<{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data


def read(response: Any) -> Strict:
    page = Strict()
    page.feed(response.text)
    return page


def is_strict(response: Any) -> bool:
    assert read(response).bad == []
    return bool(response.headers["content-security-policy"] == pages.CSP)


# --- logging in -----------------------------------------------------------------------------------


def test_whoever_is_unknown_gets_the_login_page(anybody: TestClient) -> None:
    for path in ("/", f"/view/{UNKNOWN}", "/open?address=asset:x", "/ui/search?q=a"):
        answer = anybody.get(path)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert "API token" in answer.text
        assert is_strict(answer)


def test_a_part_of_a_page_sends_who_is_unknown_to_the_login_page(anybody: TestClient) -> None:
    answer = anybody.get("/ui/assets", headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/")


def test_a_token_in_the_link_becomes_a_cookie(anybody: TestClient, world: World) -> None:
    answer = anybody.get("/", params={"token": key_of(world)[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
    assert anybody.get("/").status_code == 200


def test_a_wrong_token_is_named_so(anybody: TestClient) -> None:
    asked = [anybody.get("/?token=wrong"), anybody.post("/login", data={"token": "wrong"})]
    for answer in asked:
        assert answer.status_code == 401
        assert "not valid" in answer.text
        assert "set-cookie" not in answer.headers


def test_the_form_logs_in_and_goes_where_the_person_wanted(
    anybody: TestClient, world: World
) -> None:
    form = {"token": f" {key_of(world)[1]}\n", "wanted": "/open?address=asset:x%23t%3D1"}
    answer = anybody.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, form["wanted"])


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "https://evil", "", "/\t/e"]
)
def test_logging_in_leads_to_no_other_host(anybody: TestClient, world: World, wanted: str) -> None:
    answer = anybody.post("/login", data={"token": key_of(world)[1], "wanted": wanted})
    assert answer.headers["location"] == "/"


def test_logging_out_forgets_the_cookie(browser: TestClient) -> None:
    answer = browser.post("/logout")
    assert answer.status_code == 303
    assert "max-age=0" in answer.headers["set-cookie"].lower()


# --- other sites ----------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_changes_nothing_with_the_cookie(
    browser: TestClient, film: UUID, site: str
) -> None:
    headers = {"sec-fetch-site": site}
    assert browser.delete(f"/api/v1/assets/{film}", headers=headers).status_code == 403
    for path in ("/login", "/logout", "/ui/search"):
        assert browser.post(path, headers=headers, data={}).status_code in (403, 422)
    assert browser.get(f"/api/v1/assets/{film}", headers=headers).status_code == 200


def test_this_site_and_programs_change_what_they_may(
    browser: TestClient, world: World, film: UUID
) -> None:
    body = {"metadata": {"a": 1}}
    place = f"/api/v1/assets/{film}"
    for site in ("same-origin", "none"):
        assert browser.put(place, json=body, headers={"sec-fetch-site": site}).status_code == 200
    browser.cookies.clear()
    bearer = {"authorization": f"Bearer {key_of(world, Role.ADMIN)[1]}"}
    asked = browser.put(place, json=body, headers=bearer | {"sec-fetch-site": "cross-site"})
    assert asked.status_code == 200


# --- pages ----------------------------------------------------------------------------------------


def paths(film: UUID) -> list[str]:
    return [
        "/",
        "/?q=puffins",
        "/?q=%3Cscript%3E",
        "/?kind=video&kind=audio",
        "/ui/search?q=puffins",
        "/ui/search?q=submarine",
        "/ui/assets",
        f"/ui/assets?expected={UNKNOWN}",
        f"/ui/status/{film}",
        f"/view/{film}",
        f"/view/{film}?at=t%3D6.5",
        "/docs",
    ]


def test_every_page_is_strict(browser: TestClient, film: UUID) -> None:
    for path in paths(film):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert is_strict(answer)


def test_hostile_names_and_words_are_only_text(browser: TestClient, film: UUID) -> None:
    for path in ("/?q=puffins", f"/view/{film}?at=t%3D6.5"):
        page = read(browser.get(path))
        assert HOSTILE in page.text
        assert SAID in re.sub(r"\s+", " ", page.text)
        assert {tag for tag, _ in page.tags}.isdisjoint({"b"})
        assert [attrs for tag, attrs in page.tags if tag == "img" and attrs["src"] == "x"] == []


def test_a_hit_marks_the_word_and_links_to_its_moment(browser: TestClient, film: UUID) -> None:
    answer = browser.get("/ui/search?q=puffins&kind=video")
    assert "<mark>puffins</mark>" in answer.text
    assert "0:06 to 0:08" in answer.text
    assert answer.headers["hx-replace-url"] == "/?q=puffins&kind=video"
    links = [attrs["href"] for tag, attrs in read(answer).tags if tag == "a"]
    assert links[0]
    shown = browser.get(links[0])
    assert 'data-start="6" data-end="8"' in shown.text
    assert f"/api/v1/assets/{film}/content#t=6" in shown.text


def test_nothing_good_is_said_so(browser: TestClient, film: UUID) -> None:
    assert "No good match" in browser.get("/ui/search?q=submarine").text
    assert "No good match" in browser.get("/ui/search?q=puffins&kind=audio").text
    assert browser.get("/ui/search?q=%20").text.strip() == ""


def test_an_address_leads_to_its_moment(browser: TestClient, film: UUID) -> None:
    answer = browser.get("/open", params={"address": f"asset:{film}@1#t=6.5"})
    assert answer.status_code == 303
    shown = browser.get(answer.headers["location"])
    focus = [a for tag, a in read(shown).tags if tag == "li" and a.get("id") == "focus"]
    assert [(a["data-start"], a["data-end"]) for a in focus] == [("6", "8")]


@pytest.mark.parametrize(
    "path",
    ["/open?address=%3Cscript%3E", f"/open?address=asset:{UNKNOWN}", f"/view/{UNKNOWN}", "/open"],
)
def test_what_is_not_there_is_a_page_too(browser: TestClient, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert is_strict(answer)


def test_what_cannot_be_read_is_a_page_too(browser: TestClient) -> None:
    answer = browser.get("/view/no-id")
    assert answer.status_code == 422
    assert is_strict(answer)
    assert is_strict(browser.post("/ui/search", data={}))
    image = {"image": ("a.png", b"")}
    assert "no bytes" in browser.post("/ui/search", files=image).text


def test_who_may_not_see_an_asset_sees_nothing_of_it(
    anybody: TestClient, world: World, film: UUID
) -> None:
    user, token = key_of(world)
    anybody.cookies.set(COOKIE, token)
    hidden = (f"/view/{film}", f"/ui/status/{film}", f"/open?address=asset:{film}")
    assert [anybody.get(path).status_code for path in hidden] == [404] * 3
    assert "puffins" not in anybody.get("/ui/search?q=puffins").text.replace("<q>puffins</q>", "")
    assert str(film) not in anybody.get("/ui/assets").text
    world.grant(user, film)
    assert anybody.get(f"/view/{film}").status_code == 200


def test_a_failed_file_says_why(browser: TestClient, world: World, film: UUID) -> None:
    world.run(
        "UPDATE assets SET processing_status = 'failed', reason = 'corrupt_media' WHERE id = %s",
        film,
    )
    for path in ("/ui/assets", f"/view/{film}"):
        answer = browser.get(path).text
        assert "The file is damaged" in answer
        assert "every 2s" not in answer


def test_the_list_asks_again_only_while_something_is_unfinished(
    browser: TestClient, film: UUID
) -> None:
    answer = browser.get("/ui/assets").text
    assert "every 2s" in answer
    assert "waiting" in answer


def test_the_docs_name_every_route(browser: TestClient) -> None:
    schema = browser.get("/api/v1/openapi.json").json()
    page = read(browser.get("/docs")).text
    assert all(path in page for path in schema["paths"])
    assert not any(path.startswith(("/ui", "/view", "/log")) for path in schema["paths"])


# --- real media -----------------------------------------------------------------------------------


@pytest.fixture
def owner(anybody: TestClient, platform: Platform) -> TestClient:
    """A browser of the platform's owner."""
    anybody.cookies.set(COOKIE, platform.token)
    return anybody


def found(browser: TestClient, query: str) -> tuple[Any, Strict]:
    """Search, open the first hit, and return it with what it consists of."""
    answer = browser.get("/ui/search", params={"q": query})
    links = [a["href"] for tag, a in read(answer).tags if tag == "a" and a.get("href")]
    assert links[0], answer.text
    opened = browser.get(links[0])
    assert is_strict(opened)
    return opened, read(opened)


def test_a_page_is_shown_with_the_box_of_what_was_found(
    owner: TestClient, platform: Platform
) -> None:
    platform.drop("report.pdf", demo_media.pdf(demo_media.REPORT))
    platform.pump()
    opened, page = found(owner, "divers inspect chains")
    assert "page 2" in opened.text
    pictures = [a["src"] for tag, a in page.tags if tag == "img" and "keyframe" in str(a["src"])]
    assert owner.get(str(pictures[0])).headers["content-type"].startswith("image/")
    boxes = [a for tag, a in page.tags if tag == "rect" and a["class"] == "wanted"]
    assert len(boxes) == 1
    assert 10 < float(boxes[0]["x"] or 0) < 14
    before = [a["href"] for tag, a in page.tags if tag == "a" and a.get("rel") == "prev"]
    assert "Tidal Energy Report" in owner.get(str(before[0])).text


def test_the_characters_of_an_address_are_marked(owner: TestClient, platform: Platform) -> None:
    dropped = platform.drop("notes.txt", b"First things first.\n\nThen <b>the puffins</b> came.\n")
    platform.pump()
    opened, _ = found(owner, "puffins")
    assert "<mark>Then &lt;b&gt;the puffins&lt;/b&gt; came.</mark>" in opened.text
    some = owner.get(f"/view/{dropped.lineage}", params={"at": "char=29,40"})
    assert "Then &lt;b&gt;<mark>the puffins</mark>&lt;/b&gt; came." in some.text


def test_the_rows_of_a_table_are_numbered(owner: TestClient, platform: Platform) -> None:
    dropped = platform.drop("birds.csv", b"name,count\npuffin,7\ngannet,9\n")
    platform.pump()
    answer = owner.get(f"/view/{dropped.lineage}", params={"at": "page=1&row=3-3"}).text
    rows = re.findall(r'<tr( class="wanted")?><th scope="row">(\d+)</th><td>(.*?)</td>', answer)
    assert [number for wanted, number, _ in rows] == ["2", "3"]
    assert [(number, "gannet" in text) for wanted, number, text in rows if wanted] == [("3", True)]


def test_an_example_image_finds_what_looks_like_it(owner: TestClient, platform: Platform) -> None:
    for name, top in (("green.png", (60, 180, 60)), ("red.png", (200, 30, 30))):
        platform.drop(name, _png(demo_media.gradient(top, top)))
    platform.pump()
    example = {"image": ("<i>like.png", _png(demo_media.gradient((62, 175, 60), (60, 180, 58))))}
    answer = owner.post("/ui/search", files=example, data={"kind": "image"})
    assert answer.text.index("green.png") > 0
    assert "red.png" not in answer.text.partition("green.png")[0]
    assert "like &lt;i&gt;like.png" in answer.text
    refused = owner.post("/ui/search", files={"image": ("a.png", b"no picture")})
    assert refused.status_code >= 400
    assert is_strict(refused)


def test_an_upload_is_listed_before_it_is_taken_in(owner: TestClient, platform: Platform) -> None:
    upload = owner.post("/api/v1/assets", files={"file": (HOSTILE, b"Some words of mine.\n")})
    assert upload.status_code == 202
    expected = f"/ui/assets?expected={upload.json()['id']}"
    waiting = owner.get(expected)
    assert "waiting" in waiting.text
    assert is_strict(waiting)
    platform.pump()
    listed = owner.get(expected).text
    assert listed.count("/view/") == 1


def test_an_upload_that_is_taken_in_meanwhile_is_not_lost(
    owner: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped = platform.drop("notes.txt", b"Some words of mine.\n")
    newest = listing._newest

    def list_then_take_in(deps: Deps, caller: Caller) -> list[assets.Asset]:
        listed = newest(deps, caller)
        platform.pump()
        return listed

    monkeypatch.setattr(listing, "_newest", list_then_take_in)
    assert "notes.txt" in owner.get(f"/ui/assets?expected={dropped.lineage}").text


def _png(image: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_a_file_can_be_processed_again(owner: TestClient, platform: Platform, world: World) -> None:
    dropped = platform.drop("birds.md", b"The puffins came.\n")
    platform.pump()
    page = owner.get(f"/view/{dropped.lineage}")
    action = f"/ui/retry/{dropped.lineage}"
    assert f'action="{action}"' in page.text
    answer = owner.post(action)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/view/{dropped.lineage}")
    running = owner.get(f"/view/{dropped.lineage}")
    assert action not in running.text
    assert is_strict(running)
    again = owner.post(action)
    assert again.status_code == 409
    assert is_strict(again)
    platform.pump()
    assert owner.get(f"/view/{dropped.lineage}").text.count("run: completed") == 2
    assert owner.post(action, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_who_may_only_look_is_offered_no_more(
    anybody: TestClient, world: World, film: UUID
) -> None:
    world.run("UPDATE assets SET processing_status = 'failed' WHERE id = %s", film)
    user, token = key_of(world)
    anybody.cookies.set(COOKIE, token)
    world.grant(user, film)
    assert "/ui/retry" not in anybody.get(f"/view/{film}").text
    refused = anybody.post(f"/ui/retry/{film}")
    assert refused.status_code == 403
    assert is_strict(refused)


def test_a_form_that_cannot_be_read_is_a_page_too(browser: TestClient) -> None:
    broken = {"content-type": "multipart/form-data; boundary=x"}
    answer = browser.post("/ui/search", content=b"nonsense", headers=broken)
    assert answer.status_code == 400
    assert is_strict(answer)


def test_a_hit_shows_the_address_of_its_moment(browser: TestClient, film: UUID) -> None:
    assert f"asset:{film}@1#t=6,8" in read(browser.get("/ui/search?q=puffins")).text


# --- static files ---------------------------------------------------------------------------------


def test_static_files_are_kept_under_their_hash(anybody: TestClient) -> None:
    for name in statics.TYPES:
        answer = anybody.get(statics.path(name))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert anybody.get("/static/00000000/page.css").status_code == 404
    assert anybody.get("/static/00000000/..%2fpages.py").status_code == 404


def test_htmx_is_the_published_file() -> None:
    found = hashlib.sha256((statics.FOLDER / "htmx.min.js").read_bytes()).hexdigest()
    assert found == HTMX_SHA256
    assert found in (statics.FOLDER / "README.md").read_text()
