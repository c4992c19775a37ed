"""Search for words: BM25 over the search vectors, inside what the caller may see."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
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

_TEXTS_A_SEGMENT = 2  # texts ranked for each segment wanted
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
    found = _best(conn, asked, weighed, stats, scope, limit)
    texts = _texts(conn, [row[0] for row in found], weighed, stats)
    matches = [_match(row, texts[row[0]], weighed) for row in found if row[0] in texts]
    return sorted(matches, key=lambda match: (-match.bm25, match.segment))


def _best(
    conn: Db,
    asked: Query,
    weighed: Sequence[Weighed],
    stats: TextStats,
    scope: Scope,
    limit: int,
) -> list[tuple[UUID, UUID, UUID]]:
    """Rank few texts first; where too little of them may be seen, as many as ever."""
    found: list[tuple[UUID, UUID, UUID]] = []
    conn.execute(_ONE_BY_ONE)
    for most in (_most(stats), COUNTED):
        ranking, params = rank(asked, weighed, stats, scope, most)
        found = conn.execute(ranking, params | {"limit": limit}, prepare=False).fetchall()
        if len(found) >= limit or sum(each.df for each in weighed) <= most:
            break
    return found


def weigh(conn: Db, terms: Sequence[Term], stats: TextStats) -> list[Weighed]:
    """Return each term with how much finding it says."""
    frequencies = document_frequencies(conn, terms)
    return [
        Weighed(term, df, idf(stats, df, common=term.common))
        for term, df in zip(terms, frequencies, strict=True)
    ]


def _most(stats: TextStats) -> int:
    """Return how many texts are worth ranking: a tenth, for each costs microseconds a term."""
    return min(COUNTED, max(_ENOUGH, stats.n // 10))


def _candidates(query: Query, weighed: Sequence[Weighed], most: int) -> tuple[str, bool]:
    """Return the tsquery of the texts to rank, and whether more than COUNTED may match it.

    They are those with any of the rarest terms, `most` or so; where these are in few texts, also
    those with all of the terms that are too common for that.
    """
    if query.phrases:
        return " & ".join(f"({phrase})" for phrase in query.phrases), True
    total, rare, rest = 0, list[str](), list[Weighed]()
    for each in sorted(weighed, key=lambda each: each.df):
        total += each.df
        if total <= most:
            rare += [form for form in (each.term.tsquery, each.term.fuzzy) if form]
        else:
            rest.append(each)
    few = sum(each.df for each in weighed if each not in rest) < _ENOUGH
    if rest and few:
        telling = [each for each in rest if not each.term.common] or rest
        rare.append(" & ".join(f"({each.term.tsquery})" for each in telling))
    return " | ".join(f"({form})" for form in rare), bool(rest) and few


# --- the statements -------------------------------------------------------------------------------

_PLUS = sql.SQL(" + ")
_MAY = sql.SQL(
    "SELECT s.asset_id, s.lineage FROM search_segments s WHERE s.id = {segment}"
    " AND {visible} AND {filters} OFFSET 0"
)
# Ranked first, then looked up in order until there are enough that may be seen.
_BEST = sql.SQL(
    "SELECT segment_id, asset_id, lineage FROM (SELECT r.segment_id, m.asset_id, m.lineage, r.bm25"
    " FROM (SELECT id, segment_id, {bm25} AS bm25 FROM ({scored}) t ORDER BY 3 DESC, 1 OFFSET 0) r"
    " CROSS JOIN LATERAL ({may}) m ORDER BY r.bm25 DESC, r.id"
    " LIMIT {texts}) b"
    " GROUP BY 1, 2, 3 ORDER BY max(bm25) DESC, 1 LIMIT %(limit)s"
)
# For each text one segment and one asset is looked up; the planner would read all assets each time.
_ONE_BY_ONE = "SELECT set_config('enable_hashjoin', 'off', true)"
_TEXTS = sql.SQL(
    "SELECT *, {parts} FROM (SELECT *, {counts} FROM (SELECT {columns}, {ranks} FROM text_index t"
    " WHERE {where} LIMIT {most}) f OFFSET 0) c OFFSET 0"
)


def rank(
    query: Query, weighed: Sequence[Weighed], stats: TextStats, scope: Scope, most: int = COUNTED
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the statement that finds the best segments, and its parameters but `limit`."""
    may, filters = visible(scope, "s.lineage"), condition(scope.filters)
    candidates, capped = _candidates(query, weighed, most)
    where: sql.Composable = sql.SQL("t.tsv @@ %(candidates)s::tsquery")
    parts = {"visible": may.sql, "filters": filters.sql}
    beyond = capped and stats.n > COUNTED  # the cap could be used up by what may not be seen
    if beyond or scope.filters or not scope.sees_all:  # to look is cheaper than to rank
        inside = _MAY.format(segment=sql.SQL("t.segment_id"), **parts)
        where = sql.SQL("{} AND EXISTS ({})").format(where, inside)
    best = _BEST.format(
        bm25=_PLUS.join(_name("b", n) for n in range(len(weighed))),
        scored=_scored(weighed, stats, where, "t.id, t.segment_id, t.dl"),
        may=_MAY.format(segment=sql.SQL("r.segment_id"), **parts),
        texts=sql.SQL("{} * %(limit)s").format(_TEXTS_A_SEGMENT),
    )
    return best, {"candidates": candidates, **may.params, **filters.params}


def _scored(
    weighed: Sequence[Weighed], stats: TextStats, where: sql.Composable, columns: LiteralString
) -> sql.Composed:
    """Return a query of texts with, for each term, its count `tfN` and its part of BM25 `bN`."""
    return _TEXTS.format(
        parts=_list(_bm25(n, each.idf, stats) for n, each in enumerate(weighed)),
        counts=_list(map(_count, range(len(weighed)))),
        ranks=_list(_rank(n, each.term) for n, each in enumerate(weighed)),
        columns=sql.SQL(columns),
        where=where,
        most=COUNTED,
    )


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


@dataclass(frozen=True, slots=True)
class _Text:
    """One text of a segment: how often it has each term, and what that adds to its BM25."""

    id: UUID
    source: str
    language: str | None
    body: str
    counts: tuple[float, ...]
    parts: tuple[float, ...]


def _texts(
    conn: Db, segments: Sequence[UUID], weighed: Sequence[Weighed], stats: TextStats
) -> Mapping[UUID, list[_Text]]:
    """Return the texts of the segments found that have any of the terms."""
    where = sql.SQL("t.segment_id = ANY(%(segments)s)")
    columns: LiteralString = "t.id, t.segment_id, t.dl, t.source, t.language, t.body"
    query = _scored(weighed, stats, where, columns)
    found: dict[UUID, list[_Text]] = defaultdict(list)
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(query, {"segments": list(segments)}, prepare=False).fetchall():
            counts, parts = (
                tuple(row[f"{name}{n}"] for n in range(len(weighed))) for name in ("tf", "b")
            )
            if any(counts):
                found[row["segment_id"]].append(
                    _Text(row["id"], row["source"], row["language"], row["body"], counts, parts)
                )
    return found


def _match(
    row: tuple[UUID, UUID, UUID], texts: Sequence[_Text], weighed: Sequence[Weighed]
) -> TextMatch:
    """Each term counts once, in the text of the segment that has it best."""
    best = min(texts, key=lambda text: (-sum(text.parts), text.id))
    counts = [min(1.0, max(each)) for each in zip(*(text.counts for text in texts), strict=True)]
    found = [each.term for each, count in zip(weighed, counts, strict=True) if count]
    share = sum(each.idf * count for each, count in zip(weighed, counts, strict=True))
    wanted = frozenset(lexeme for term in found for lexeme in _wanted(term))
    return TextMatch(
        *row,
        best.id,
        best.source,
        round(share / sum(each.idf for each in weighed), 6),
        sum(max(each) for each in zip(*(text.parts for text in texts), strict=True)),
        tuple(term.word for term in found),
        snippet(best.body, best.language, best.source, wanted),
    )


def _wanted(term: Term) -> Iterator[str]:
    yield from term.lexemes
    yield from ("#" + part for part in shortened(term.word))
