"""Saved states: everything comes back, what fails changes nothing, and orders come one by one."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dataflux.errors import Conflict, DataFluxError, Invalid, NotFound
from dataflux.settings import Settings
from local import states
from local.control import Control, Order
from stores.records.embedded import EmbeddedPostgres
from stores.records.migrate import migrate

pytestmark = pytest.mark.long


@pytest.fixture
def settings() -> Iterator[Settings]:
    """A home that the server's own user can reach, with a row, an object, a log and a token."""
    with tempfile.TemporaryDirectory(prefix="dataflux-test-") as name:
        home = Path(name)
        with _records(home) as conn:
            migrate(conn)
            _tenant(conn, "first")
        for place in ("objects/a/000001", "bus/topic/0/0.log", "token"):
            (home / place).parent.mkdir(parents=True, exist_ok=True)
            (home / place).write_text("first")
        yield Settings(home=home)


@contextmanager
def _records(home: Path) -> Iterator[psycopg.Connection[Any]]:
    with (
        EmbeddedPostgres(home / "postgres") as server,
        psycopg.connect(server.dsn, autocommit=True) as conn,
    ):
        yield conn


def _tenant(conn: psycopg.Connection[Any], name: str) -> None:
    conn.execute("INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), %s)", [name])


def _held(home: Path) -> tuple[list[str], str, str, str]:
    with _records(home) as conn:
        tenants = [row[0] for row in conn.execute("SELECT name FROM tenants ORDER BY name")]
        conn.execute("SELECT set_config('dataflux.tenant', gen_random_uuid()::text, false)")
        conn.execute("SET ROLE df_app")  # roles and rights come back, too
        assert conn.execute("SELECT count(*) FROM assets").fetchone() == (0,)
    places = ("objects/a/000001", "bus/topic/0/0.log", "token")
    return tenants, *((home / place).read_text() for place in places)  # type: ignore[return-value]


def _change(home: Path) -> None:
    with _records(home) as conn:
        _tenant(conn, "second")
    (home / "objects/a/000002").write_text("second")
    with (home / "bus/topic/0/0.log").open("a") as log:
        log.write(" second")
    (home / "token").unlink()
    (home / "token").write_text("second")


def test_everything_comes_back(settings: Settings) -> None:
    home = settings.home
    before = _held(home)
    place = states.save(settings, "demo")
    _change(home)
    assert _held(home) != before
    states.load(settings, "demo")
    assert _held(home) == before
    assert not (home / "objects/a/000002").exists()
    assert "first" in (place / states.RECORDS).read_text()  # text, to be read and compared
    assert [state["name"] for state in states.known(home)] == ["demo"]
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_a_load_that_fails_changes_nothing(settings: Settings) -> None:
    home = settings.home
    place = states.save(settings, "demo")
    _change(home)
    changed = _held(home)
    with (place / states.RECORDS).open("a") as records:
        records.write("SELECT no_such_function();\n")
    control = Control(settings, lambda: None)
    control.give(Order(action="load", name="demo"))
    control.carry_out()
    assert "psql failed" in (control.error or "")
    assert _held(home) == changed
    with pytest.raises(DataFluxError):
        states.load(settings, "demo")


def test_orders_come_one_by_one_and_are_checked_first(tmp_path: Path) -> None:
    woken = list[int]()
    control = Control(Settings(home=tmp_path), lambda: woken.append(1))
    for order, error in (
        (Order(action="load", name="demo"), NotFound),
        (Order(action="save", name="../up"), Invalid),
        (Order(action="save"), Invalid),
    ):
        with pytest.raises(error):
            control.give(order)
    assert woken == []
    (tmp_path / "token").write_text("t")
    assert control.give(Order(action="reset")) == 1
    assert woken == [1]
    with pytest.raises(Conflict, match="reset is under way"):
        control.give(Order(action="reset"))
    control.carry_out()
    assert control.told() == {"done": 1, "error": None, "states": []}
    assert not (tmp_path / "token").exists()


def test_a_state_of_another_format_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "states/old"
    place.mkdir(parents=True)
    (place / states.ABOUT).write_text(json.dumps({"format": 0}))
    with pytest.raises(Conflict, match="has format 0"):
        states.load(Settings(home=tmp_path), "old")


def test_only_names_that_were_saved_are_loaded(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(NotFound, match="there are: none"):
        states.load(settings, "demo")
    for name in ("", "../up", "a/b", ".hidden", "Ä"):
        with pytest.raises(Invalid, match="no name of a state"):
            states.save(settings, name)


def test_what_is_kept_elsewhere_is_not_saved(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, records="postgresql://elsewhere/")
    with pytest.raises(Invalid, match="DATAFLUX_RECORDS is not embedded"):
        states.save(settings, "demo")
