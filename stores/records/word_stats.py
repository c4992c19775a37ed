"""How common each word is among the texts of a tenant: counted, or kept where counting is dear."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from stores.records.terms import Term

Db = Connection[Any]

COUNTED = 20_000
"""Counting stops here: a word in more texts than this is common, whatever its number."""
_KEPT = 500  # terms in fewer texts are cheap to count when they are asked for
_PRIOR = 1_000  # texts that every tenant is thought to have besides its own
_PRIOR_COMMON = 500  # and in how many of them a stop word is


@dataclass(frozen=True, slots=True)
class TextStats:
    """Of the live texts of a tenant: how many, how long, in which languages."""

    n: int
    length: float
    languages: tuple[str, ...] = ()


def text_stats(conn: Db) -> TextStats:
    """Return the kept statistics, or count a new installation's at once."""
    row = conn.execute("SELECT n, avgdl, languages FROM tenant_stats").fetchone()
    if row is None:
        row = conn.execute(
            "SELECT count(*), avg(dl), array_agg(DISTINCT language)"
            " FROM (SELECT dl, language FROM text_index LIMIT %s) t",
            (COUNTED,),
        ).fetchone()
    n, length, languages = row or (0, None, None)
    return TextStats(int(n), max(1.0, float(length or 1)), tuple(filter(None, languages or ())))


def document_frequencies(conn: Db, terms: Sequence[Term]) -> list[int]:
    """Return in how many texts each term is; those in more than COUNTED may say less."""
    lexemes = [lexeme for term in terms for lexeme in term.lexemes]
    rows = conn.execute(
        "SELECT term, df FROM term_stats WHERE term = ANY(%s)", (lexemes,)
    ).fetchall()
    kept: dict[str, int] = dict(rows)
    found = [max((kept.get(lexeme, 0) for lexeme in term.lexemes), default=0) for term in terms]
    unknown = [n for n, df in enumerate(found) if not df]
    for n, df in zip(unknown, _counted(conn, [terms[n] for n in unknown]), strict=True):
        found[n] = df
    return found


def _counted(conn: Db, terms: Sequence[Term]) -> list[int]:
    if not terms:
        return []
    count = sql.SQL(
        "(SELECT count(*) FROM (SELECT FROM text_index WHERE tsv @@ {}::tsquery LIMIT {}) t)"
    )
    counts = [count.format(sql.Literal(term.tsquery), COUNTED + 1) for term in terms]
    row = conn.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(counts)), prepare=False)
    return list(row.fetchone() or ())


def idf(stats: TextStats, df: int, *, common: bool = False) -> float:
    """Return how much finding a term says. The prior keeps few texts from deciding alone."""
    texts = stats.n + _PRIOR
    having = min(texts, df + (_PRIOR_COMMON if common else 1))
    return math.log(1 + (texts - having + 0.5) / (having + 0.5))


def rebuild_stats(conn: Db) -> None:
    """Count the texts of the tenant anew, from a sample where there are very many."""
    row = conn.execute(
        "SELECT count(*), coalesce(avg(dl), 1), coalesce(array_agg(DISTINCT language)"
        " FILTER (WHERE language IS NOT NULL), '{}') FROM text_index"
    ).fetchone()
    n, length, languages = row or (0, 1, [])
    conn.execute(
        "INSERT INTO tenant_stats (tenant_id, n, avgdl, languages) VALUES (tenant(), %s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET n = excluded.n, avgdl = excluded.avgdl,"
        " languages = excluded.languages, counted_at = now()",
        (n, length, languages),
    )
    _replace_terms(conn, _sampled(conn, max(1, n // COUNTED)))


def _sampled(conn: Db, every: int) -> Mapping[str, int]:
    query = f"SELECT tsv FROM text_index WHERE hashtext(id::text) % {every} = 0"
    rows = conn.execute(
        "SELECT word, ndoc * %s FROM ts_stat(%s) WHERE ndoc * %s >= %s"
        " AND (word LIKE '~%%' OR word LIKE '=_')",
        (every, query, every, _KEPT),
    )
    return dict(rows.fetchall())


def _replace_terms(conn: Db, terms: Mapping[str, int]) -> None:
    conn.execute("DELETE FROM term_stats WHERE NOT term = ANY(%s)", (list(terms),))
    conn.execute(
        "INSERT INTO term_stats (tenant_id, term, df)"
        " SELECT tenant(), * FROM unnest(%s::text[], %s::bigint[])"
        " ON CONFLICT (tenant_id, term) DO UPDATE SET df = excluded.df",
        (list(terms), list(terms.values())),
    )
