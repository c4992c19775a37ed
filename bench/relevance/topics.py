"""Forty topics of three passages each, with queries that say which passage they mean.

`topics.txt`: `#` a topic, `=` a passage, `?` a query of some kind for the passage of that number,
`!` a query that nothing here answers. The passage meant is worth 3, the others of its topic 1.
Queries of every second topic were looked at while search was tuned; the others were not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

FILE = Path(__file__).with_name("topics.txt")
MEANT, NEAR = 3, 1

Passage = tuple[str, int]
"""The name of a topic and the number of a passage in it, from 1."""


@dataclass(frozen=True)
class Topic:
    name: str
    passages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Query:
    """`grades` are those of the passages that are relevant; none of a query without an answer."""

    text: str
    kind: str
    tuned: bool
    grades: dict[Passage, int]


def topics() -> list[Topic]:
    found: list[Topic] = []
    for sign, rest in _lines():
        if sign == "#":
            found.append(Topic(rest))
        elif sign == "=":
            found[-1].passages.append(rest)
    return found


def queries() -> list[Query]:
    found: list[Query] = []
    topic, number = "", 0
    for sign, rest in _lines():
        if sign == "#":
            topic, number = rest, number + 1
        elif sign == "?":
            kind, passage, text = rest.split(" ", 2)
            grades = {(topic, n): MEANT if n == int(passage) else NEAR for n in (1, 2, 3)}
            found.append(Query(text, kind, number % 2 == 0, grades))
        elif sign == "!":
            found.append(Query(rest, "nonsense", len(found) % 2 == 0, {}))
    return found


def _lines() -> Iterator[tuple[str, str]]:
    for line in FILE.read_text("utf-8").splitlines():
        sign, _, rest = line.partition(" ")
        yield sign, rest
