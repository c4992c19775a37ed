"""`dataflux dlq` as a person uses it, against the API it talks to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from dataflux.permissions import Role
from local import dlq_commands
from local.cli import app
from local.client import Client
from tests.fixtures.platform import Platform
from tests.functions.api.asking import NOTES, client, stranger, upload
from tests.functions.api.test_letters import bury


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a command of the operator of a platform."""
    with client(platform, stranger(platform, Role.OPERATOR)) as http:

        @contextmanager
        def connected(_: object) -> Iterator[Client]:
            yield Client(http)  # type: ignore[arg-type] # a twin of httpx.Client

        monkeypatch.setattr(dlq_commands, "connected", connected)
        yield lambda *arguments: CliRunner().invoke(app, ["dlq", *arguments])


@pytest.fixture
def letters(platform: Platform) -> list[str]:
    with client(platform, platform.token) as http:
        upload(http, "notes.md", NOTES)
    platform.pump()
    return [bury(platform, event) for event in platform.facts("segment.indexed")]


def test_letters_are_seen_retried_and_gone(run: Any, letters: list[str]) -> None:
    listed = run("list")
    assert listed.exit_code == 0
    assert all(letter in listed.output for letter in letters)
    assert "KeyError: x" in run("show", letters[0]).output
    (group,) = json.loads(run("list", "--groups", "--json").output)["items"]
    looked = run("retry", "--group", group["group"])
    assert f"{len(letters)} of {len(letters)} letters would be retried" in looked.output
    assert "--yes" in looked.output
    done = json.loads(run("retry", "--group", group["group"], "--yes", "--json").output)
    assert done["done"] == len(letters)
    assert "nothing was given up" in run("list").output
    assert "0 of 0 letters are retried" in run("retry", "--all", "--yes").output


def test_many_letters_are_settled_page_by_page(
    run: Any, letters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.api.letters.MOST", 1)
    found = json.loads(run("discard", "--newer-than", "1h", "--yes", "--json").output)
    assert found["done"] == len(found["items"]) == len(letters)


@pytest.mark.parametrize("wrong", [["retry"], ["retry", "--older-than", "soon", "--all"]])
def test_wrong_usage_says_what_is_right(run: Any, wrong: list[str]) -> None:
    ran = run(*wrong)
    assert ran.exit_code == 2
    assert "--all" in ran.output or "7d" in ran.output


def test_a_refused_letter_is_exit_code_5(platform: Platform, run: Any, letters: list[str]) -> None:
    with platform.deps.engine.system("admin") as conn:
        conn.execute(
            "UPDATE dead_letters SET consumer = 'gone' WHERE id = ANY(%s::uuid[])", [letters]
        )
    ran = run("retry", letters[0])
    assert ran.exit_code == 5
    assert "no function gone" in ran.output
