"""Search for words: BM25 over the search vectors, inside what the caller may see."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any
from uuid import UUID

from psycopg import Connection, sql
from psycopg.rows import dict_row

from schemas.names import TextSource
from stores.ports import Scope
from stores.records.access import visible
from stores.records.filters import condition
from stores.records.lexemes import shortened
from stores.records.snippet import Snippet, snippet
from stores.records.terms import Query, Term, query_terms
from stores.records.word_stats import COUNTED, TextStats, document_frequencies, idf, text_stats

Db = Connection[Any]

_ENOUGH = 1_000  # candidates, to leave aside those that have common terms only
MISREAD = 0.7
"""What finding a word misread counts, of what finding it counts."""


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A segment that has some of the words; `score` is the share of the query's idf found.

    `text_id`, `source` and `snippet` are those of its best text; `terms` those found in any.
    """

    segment: UUID
    asset: UUID
    lineage: UUID
    text_id: UUID
    source: str
    score: float
    bm25: float
    terms: tuple[str, ...]
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Weighed:
    term: Term
    df: int
    idf: float


def search(conn: Db, query: str, scope: Scope, limit: int) -> list[TextMatch]:
    """Return the segments that match the words of a query best, best first."""
    stats = text_stats(conn)
    asked = query_terms(query, stats.languages)
    if not asked.terms or limit < 1:
        return []
    weighed = weigh(conn, asked.terms, stats)
    query_, params = statement(asked, weighed, stats, scope)
    with conn.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query_, params | {"limit": limit}, prepare=False).fetchall()
    bodies = _bodies(conn, [row["text_id"] for row in rows])
    return [_match(row, weighed, bodies) for row in rows if row["text_id"] in bodies]


def weigh(conn: Db, terms: Sequence[Term], stats: TextStats) -> list[Weighed]:
    frequencies = document_frequencies(conn, terms)
    return [
        Weighed(term, df, idf(stats, df, common=term.common))
        for term, df in zip(terms, frequencies, strict=True)
    ]


def _candidates(query: Query, weighed: Sequence[Weighed]) -> str:
    """Return the tsquery of the texts to rank: those with any of the rarest terms.

    Where these are in few texts, also those with all of the terms that are too common for that.
    """
    if query.phrases:
        return " & ".join(f"({phrase})" for phrase in query.phrases)
    total, rare, rest = 0, list[str](), list[Weighed]()
    for each in sorted(weighed, key=lambda each: each.df):
        total += each.df
        if total <= COUNTED:
            rare += [form for form in (each.term.tsquery, each.term.fuzzy) if form]
        else:
            rest.append(each)
    if rest and sum(each.df for each in weighed if each not in rest) < _ENOUGH:
        telling = [each for each in rest if not each.term.common] or rest
        rare.append(" & ".join(f"({each.term.tsquery})" for each in telling))
    return " | ".join(f"({form})" for form in rare)


# --- the statement --------------------------------------------------------------------------------

_FOUND = sql.SQL(
    "SELECT t.id, t.segment_id, t.dl, s.asset_id, s.lineage, {ranks}"
    " FROM text_index t JOIN search_segments s ON s.id = t.segment_id"
    " WHERE t.tsv @@ %(candidates)s::tsquery AND {visible} AND {filters} LIMIT {most}"
)
_COUNTS = sql.SQL(
    "SELECT id, segment_id, dl, asset_id, lineage, {counts} FROM ({found}) f OFFSET 0"
)
_TEXTS = sql.SQL("SELECT *, {parts} FROM ({counts}) c OFFSET 0")
_SEGMENTS = sql.SQL(
    "SELECT segment_id, (array_agg(asset_id))[1] AS asset_id, (array_agg(lineage))[1] AS lineage,"
    " (array_agg(id ORDER BY {best} DESC, id))[1] AS text_id, {bm25} AS bm25, {shares}"
    " FROM ({texts}) t GROUP BY segment_id ORDER BY bm25 DESC, segment_id LIMIT %(limit)s"
)


_PLUS = sql.SQL(" + ")


def statement(
    query: Query, weighed: Sequence[Weighed], stats: TextStats, scope: Scope
) -> tuple[sql.Composed, dict[str, Any]]:
    may, filters = visible(scope, "s.lineage"), condition(scope.filters)
    numbers = range(len(weighed))
    found = _FOUND.format(
        ranks=_list(_rank(n, each.term) for n, each in enumerate(weighed)),
        visible=may.sql,
        filters=filters.sql,
        most=COUNTED,
    )
    counts = _COUNTS.format(counts=_list(map(_count, numbers)), found=found)
    texts = _TEXTS.format(
        parts=_list(_bm25(n, each.idf, stats) for n, each in enumerate(weighed)), counts=counts
    )
    segments = _SEGMENTS.format(
        best=_PLUS.join(_name("b", n) for n in numbers),
        bm25=_PLUS.join(sql.SQL("max({})").format(_name("b", n)) for n in numbers),
        shares=_list(sql.SQL("max({0}) AS {0}").format(_name("tf", n)) for n in numbers),
        texts=texts,
    )
    params = {"candidates": _candidates(query, weighed), **may.params, **filters.params}
    return segments, params


def _list(parts: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(parts)


def _name(prefix: str, n: int) -> sql.Identifier:
    return sql.Identifier(f"{prefix}{n}")


def _rank(n: int, term: Term) -> sql.Composed:
    """Return the rank of one term in a text, and whether it may be there misread."""
    ranks = [
        sql.SQL("ts_rank('{{1,1,1,1}}', t.tsv, {}::tsquery)::float8").format(_quoted(lexeme))
        for lexeme in term.lexemes
    ]
    misread = sql.SQL("t.source = {} AND t.tsv @@ {}::tsquery").format(
        sql.Literal(str(TextSource.ON_SCREEN)), sql.Literal(term.fuzzy)
    )
    return sql.SQL("greatest({}) AS {}, {} AS {}").format(
        _list(ranks), _name("r", n), misread if term.fuzzy else sql.SQL("false"), _name("m", n)
    )


def _quoted(lexeme: str) -> sql.Literal:
    return sql.Literal(Term("", (lexeme,)).tsquery)


def _count(n: int) -> sql.Composed:
    """Return how often a term occurs: ts_rank of one term is the sum of 1/j² over 1.645."""
    return sql.SQL(
        "CASE WHEN {r} > 0 THEN 1 / (1.644934 * (1 - {r})) - 0.5 WHEN {m} THEN {misread}"
        " ELSE 0 END AS {tf}"
    ).format(r=_name("r", n), m=_name("m", n), misread=MISREAD, tf=_name("tf", n))


def _bm25(n: int, weight: float, stats: TextStats) -> sql.Composed:
    return sql.SQL("{w} * {tf} * 2.2 / ({tf} + 1.2 * (0.25 + 0.75 * dl / {length})) AS {b}").format(
        w=weight, tf=_name("tf", n), length=stats.length, b=_name("b", n)
    )


# --- the matches ----------------------------------------------------------------------------------


def _bodies(conn: Db, texts: Sequence[UUID]) -> dict[UUID, tuple[str, str | None, str]]:
    rows = conn.execute(
        "SELECT id, source, language, body FROM text_index WHERE id = ANY(%s)", (list(texts),)
    )
    return {id_: (source, language, body) for id_, source, language, body in rows.fetchall()}


def _match(
    row: Mapping[str, Any],
    weighed: Sequence[Weighed],
    bodies: Mapping[UUID, tuple[str, str | None, str]],
) -> TextMatch:
    found = [(each, min(1.0, row[f"tf{n}"])) for n, each in enumerate(weighed) if row[f"tf{n}"]]
    source, language, body = bodies[row["text_id"]]
    share = sum(each.idf * part for each, part in found) / sum(each.idf for each in weighed)
    wanted = reduce(frozenset.union, (_wanted(each.term) for each, _ in found), frozenset[str]())
    return TextMatch(
        row["segment_id"],
        row["asset_id"],
        row["lineage"],
        row["text_id"],
        source,
        round(share, 6),
        row["bm25"],
        tuple(each.term.word for each, _ in found),
        snippet(body, language, source, wanted),
    )


def _wanted(term: Term) -> frozenset[str]:
    return frozenset(term.lexemes) | {"#" + part for part in shortened(term.word)}
