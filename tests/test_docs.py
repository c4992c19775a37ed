"""The reference pages say all that there is, and nothing that is not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dataflux import errors
from events.generate import EXTENSIONS
from events.samples import sample
from events.topics import topic_of
from events.types import TYPES, Delivery
from functions.targets import TARGETS, Kind
from functions.ui.reasons import WORDS
from local.cli import EXIT_CODES, app
from schemas.names import Reason

DOCS = Path(__file__).parents[1] / "docs"


def _rows(page: str) -> dict[str, list[str]]:
    """Return the rows of all tables of a page, by the name in their first cell."""
    found = {}
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and line != "|---|":
            found[cells[0].strip("`")] = cells[1:]
    return found


def _names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def _all_errors(root: type[errors.DataFluxError]) -> Iterator[type[errors.DataFluxError]]:
    for error in root.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error
            yield from _all_errors(error)


def _commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the commands of the program by name; those of a group after the group's."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield prefix + name, command


def _command_of(usage: str) -> str:
    return " ".join(word for word in usage.split()[1:] if word.islower())


EVENTS, ERRORS, COMMANDS = _rows("events.md"), _rows("errors.md"), _rows("cli.md")


@pytest.mark.parametrize("name", sorted(TYPES))
def test_every_event_type_is_described(name: str) -> None:
    said, data, takers = EVENTS[name]
    fields = {n for n, field in TYPES[name].model_fields.items()}
    optional = {n for n, field in TYPES[name].model_fields.items() if not field.is_required()}
    assert _names(data) == fields
    assert set(re.findall(r"`([a-z]+)`\?", data)) == optional
    assert said.endswith("(optional)") == (TYPES[name].delivery is Delivery.OPTIONAL)
    topic = topic_of(sample(name))
    sweepers = {t.name for t in TARGETS if t.kind is Kind.SWEEPER and name == "timer.tick"}
    assert _names(takers) == {t.name for t in TARGETS if topic in t.topics} | sweepers


def test_no_other_event_is_described() -> None:
    assert set(EVENTS) == set(TYPES) | set(EXTENSIONS) | {"name"}


@pytest.mark.parametrize(("name", "said"), EXTENSIONS.items())
def test_every_extension_is_described(name: str, said: str) -> None:
    assert EVENTS[name] == [said]


def test_every_error_is_described() -> None:
    described = {
        error.__name__: [str(error.status), "yes" if error.retryable else "no"]
        for error in _all_errors(errors.DataFluxError)
    }
    told = {name: cells[:2] for name, cells in ERRORS.items() if name[0].isupper()}
    assert told == described


def test_every_reason_is_described_as_people_are_told() -> None:
    told = {name: cells[0] for name, cells in ERRORS.items() if name in set(Reason)}
    assert told == {str(reason): words for reason, words in WORDS.items()}
    assert set(WORDS) == set(Reason)


def test_every_command_is_described_with_its_options() -> None:
    commands = dict(_commands(typer.main.get_command(app)))
    told = {_command_of(name): cells for name, cells in COMMANDS.items() if " " in name}
    assert set(told) == set(commands)
    for name, command in commands.items():
        options = {p.opts[0] for p in command.params if p.param_type_name == "option"}
        assert _names(told[name][1]) == options - {"--home", "--json"}


def test_every_exit_code_is_described() -> None:
    codes = re.findall(r"(\d) ([^·.]+[^·. ])", EXIT_CODES)
    told = {name: cells[0].partition(";")[0] for name, cells in COMMANDS.items() if name.isdigit()}
    assert told == dict(codes)


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.rglob("*.md")))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    (path,) = DOCS.rglob(page)
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
