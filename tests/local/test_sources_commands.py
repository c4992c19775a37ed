"""`dataflux sources` as a person uses it, against the API it talks to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from dataflux.permissions import Role
from local import sources_commands
from local.cli import app
from local.client import Client, Failed
from tests.fixtures.bucketed import Bucketed
from tests.functions.api.asking import client, stranger


@pytest.fixture
def run(bucketed: Bucketed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Run a command of who runs the installation."""
    with client(bucketed.platform, stranger(bucketed.platform, Role.SUPERADMIN)) as http:

        @contextmanager
        def connected(_: object) -> Iterator[Client]:
            yield Client(http)  # type: ignore[arg-type] # a twin of httpx.Client

        monkeypatch.setattr(sources_commands, "connected", connected)
        yield lambda *arguments: CliRunner().invoke(app, ["sources", *arguments])


def test_a_source_is_added_seen_and_removed(bucketed: Bucketed, run: Any) -> None:
    place = f"s3://{bucketed.bucket}/in put/"
    added = run("add", place, "--name", "films", "--lane", "low", "--json")
    assert added.exit_code == 0, added.output
    told = json.loads(added.output)
    assert (told["prefix"], told["lane"]) == ("in put/", "low")
    assert told["url"].endswith(f"/api/v1/sources/{told['id']}/notifications")
    listed = run("list")
    assert "films" in listed.output
    assert told["secret"] not in listed.output
    assert run("remove", "films").exit_code == 0
    items = json.loads(run("list", "--json").output)["items"]
    assert told["id"] not in {each["id"] for each in items}


def test_the_secret_is_told_to_a_person(bucketed: Bucketed, run: Any) -> None:
    added = run("add", f"s3://{bucketed.bucket}", "--name", "all")
    assert "bearer token df_" in added.output
    assert "not shown again" in added.output


def test_what_is_no_source_is_said(run: Any) -> None:
    wrong = run("add", "/a/folder", "--name", "x")
    assert wrong.exit_code == 2
    assert "s3://bucket/prefix/" in wrong.output
    missing = run("remove", "nothing")
    assert isinstance(missing.exception, Failed)
    assert missing.exception.status == 404
