"""A caller's filter as one SQL condition over a row `s` of search_segments.

`{field: {op: value}, …}` holds if every part does; `or` is a list of filters of which one must.
Values are parameters, never SQL.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from dataflux.errors import Invalid
from schemas.names import Domain, Kind

OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_ORDER = frozenset({"gt", "gte", "lt", "lte"})
_EXACT = frozenset({"eq", "ne", "in"})
_DEEPEST = 4
_MOST_PARTS = 64
_MOST_VALUES = 100
_LONGEST = 500
_UNSTORABLE = {"\x00", *map(chr, range(0xD800, 0xE000))}  # neither UTF-8 nor PostgreSQL has them


@dataclass(frozen=True)
class Condition:
    """A piece of a WHERE clause and its named parameters."""

    sql: sql.Composable
    params: Mapping[str, Any]


Make = Callable[["_Builder", str, Any], sql.Composable]


@dataclass(frozen=True)
class _Field:
    operators: frozenset[str]
    value: Callable[[Any], Any]
    make: Make


@dataclass
class _Builder:
    """Collects the parameters and every mistake on the way through one filter."""

    params: dict[str, Any] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)
    parts: int = 0

    def bind(self, value: Any) -> sql.Placeholder:
        name = f"f{len(self.params)}"
        self.params[name] = value
        return sql.Placeholder(name)


def condition(filters: Any) -> Condition:
    """Return the condition of a filter; None and {} hold always. Invalid names each bad field."""
    build = _Builder()
    made = _all(build, {} if filters is None else filters, "filters", 1)
    if build.bad:
        named = "; ".join(f"{name}: {why}" for name, why in build.bad.items())
        raise Invalid(f"the filter cannot be used ({named}); mend the named fields", build.bad)
    return Condition(made, build.params)


def _all(build: _Builder, filters: Any, at: str, depth: int) -> sql.Composable:
    if not isinstance(filters, Mapping):
        build.bad[at] = "must be an object {field: {operator: value}}"
        return sql.SQL("true")
    parts = [_part(build, str(name), tests, depth) for name, tests in filters.items()]
    return sql.SQL(" AND ").join(parts) if parts else sql.SQL("true")


def _part(build: _Builder, name: str, tests: Any, depth: int) -> sql.Composable:
    if name == "or":
        return _any(build, tests, depth)
    known = _field(name)
    if known is None:
        build.bad[name] = f"unknown field; known are {', '.join(FIELDS)}, {_FEATURE}"
    elif not isinstance(tests, Mapping) or not tests:
        build.bad[name] = "must be an object {operator: value}"
    else:
        made = [_test(build, name, known, str(op), value) for op, value in tests.items()]
        return sql.SQL(" AND ").join(made)
    return sql.SQL("true")


def _any(build: _Builder, choices: Any, depth: int) -> sql.Composable:
    if not isinstance(choices, Sequence) or isinstance(choices, str) or not choices:
        build.bad["or"] = "must be a list of filters"
    elif depth == _DEEPEST:
        build.bad["or"] = f"filters nest at most {_DEEPEST} deep"
    else:
        made = [_all(build, each, f"or[{n}]", depth + 1) for n, each in enumerate(choices)]
        return sql.SQL("({})").format(
            sql.SQL(" OR ").join(sql.SQL("({})").format(each) for each in made)
        )
    return sql.SQL("true")


def _test(build: _Builder, name: str, known: _Field, op: str, value: Any) -> sql.Composable:
    build.parts += 1
    try:
        if build.parts > _MOST_PARTS:
            raise ValueError(f"a filter has at most {_MOST_PARTS} tests")
        if op not in known.operators:
            raise ValueError(f"unknown operator {op!r}; use {', '.join(sorted(known.operators))}")
        return known.make(build, op, _values(known, op, value))
    except ValueError as error:
        build.bad[name] = str(error)
        return sql.SQL("true")


def _values(known: _Field, op: str, value: Any) -> Any:
    if op == "prefix":
        return _text(value)
    if op != "in":
        return known.value(value)
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_VALUES:
        raise ValueError(f"`in` takes a list of 1 to {_MOST_VALUES} values")
    return [known.value(each) for each in value]


# --- values ---------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or _UNSTORABLE & set(value):
        raise ValueError(f"must be text of 1 to {_LONGEST} characters")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise ValueError("must be a number")
    return float(value)


def _finite(value: float) -> bool:
    return abs(value) < 1e300 and math.isfinite(value)


def _moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value))
    except ValueError:
        raise ValueError("must be a time as in 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None or not 1 < moment.year < 9999:
        raise ValueError("must be a time with its zone, as in 2026-01-31T12:00:00Z")
    return moment


def _id(value: Any) -> UUID:
    try:
        return UUID(_text(value))
    except ValueError:
        raise ValueError("must be an id") from None


def _scalar(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    return value if isinstance(value, bool) else _number(value)


def _one_of(names: type[Kind] | type[Domain]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in list(names):
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return check


# --- tests ----------------------------------------------------------------------------------------


def _compare(build: _Builder, left: sql.Composable, op: str, value: Any) -> sql.Composable:
    if op == "in":
        return sql.SQL("{} = ANY({})").format(left, build.bind(value))
    if op == "prefix":
        return sql.SQL("starts_with({}, {})").format(left, build.bind(value))
    return sql.SQL("{} {} {}").format(left, sql.SQL(OPERATORS[op]), build.bind(value))


def _column(expression: str) -> Make:
    return lambda build, op, value: _compare(build, sql.SQL(expression), op, value)


def _has(source: str, column: str) -> Make:
    """A test of what a segment has many of: `ne` means that it has none such."""

    def make(build: _Builder, op: str, value: Any) -> sql.Composable:
        inside = _compare(build, sql.SQL(column), "eq" if op == "ne" else op, value)
        found = sql.SQL("EXISTS (SELECT 1 FROM " + source + " AND {})").format(inside)
        return sql.SQL("NOT {}").format(found) if op == "ne" else found

    return make


def _at(build: _Builder, op: str, value: float) -> sql.Composable:
    """A moment in a recording: a segment matches where its time span does."""
    end = sql.SQL("coalesce(s.t_end, s.t_start)")
    if op == "eq":
        bound = build.bind(value)
        return sql.SQL("s.t_start <= {0} AND {1} >= {0}").format(bound, end)
    return _compare(build, end if op in ("gt", "gte") else sql.SQL("s.t_start"), op, value)


_PART = sql.SQL(
    "(s.id IN (SELECT f.segment_id FROM feature_index f"
    " WHERE f.feature_domain = {} AND f.feature_type = {} AND ({})))"
)
_WHOLE = sql.SQL(
    "(s.asset_id IN (SELECT x.asset_id FROM feature_index f"
    " JOIN segment_index x ON x.id = f.segment_id"
    " WHERE f.feature_domain = {} AND f.feature_type = {} AND ({})))"
)


def _feature(domain: str, kind: str, path: Sequence[str]) -> Make:
    """A test of a feature's data; facts of the domain `technical` hold for the whole asset."""

    def make(build: _Builder, op: str, value: Any) -> sql.Composable:
        tests = {"ne": ("eq", value)}.get(op, (op, value))
        data = _feature_data(build, path, *tests)
        where = _WHOLE if domain == Domain.TECHNICAL else _PART
        found = where.format(build.bind(domain), build.bind(kind), data)
        return sql.SQL("NOT {}").format(found) if op == "ne" else found

    return make


def _feature_data(build: _Builder, path: Sequence[str], op: str, value: Any) -> sql.Composable:
    if op in ("eq", "in"):
        values = value if op == "in" else [value]
        shapes = [_nested(path, shape) for each in values for shape in (each, [each])]
        tests = [sql.SQL("f.feature_data @> {}").format(build.bind(Jsonb(x))) for x in shapes]
        return sql.SQL(" OR ").join(tests)
    test = "@ starts with $v" if op == "prefix" else f"@ {OPERATORS[op]} $v"
    steps = "".join(f'."{key}"' for key in path)
    return sql.SQL("jsonb_path_exists(f.feature_data, {}::jsonpath, {})").format(
        build.bind(f"${steps} ? ({test})"), build.bind(Jsonb({"v": value}))
    )


def _capture(data: sql.Composable, build: _Builder) -> sql.Composable:
    return _WHOLE.format(build.bind(Domain.TECHNICAL.value), build.bind("capture"), data)


_DAY = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?")
_AFTER_ALL = "~"
"""Sorts behind whatever a moment may go on with: a day ends behind all its moments."""


def _captured(value: Any) -> tuple[str, str]:
    """Return which time of a capture is meant, and its beginning: of a year, a day, a second."""
    text = _text(value)
    if _DAY.fullmatch(text):
        return "local", text
    try:
        return "utc", _moment(text).astimezone(UTC).replace(tzinfo=None).isoformat()
    except ValueError:
        raise ValueError(
            "must be a time as the camera wrote it, as in 2026, 2026-01-31 or 2026-01-31T12:00,"
            " or with its zone, as in 2026-01-31T12:00:00Z"
        ) from None


def _taken(build: _Builder, op: str, value: tuple[str, str]) -> sql.Composable:
    """A test of when something was taken; `eq` a day is any moment of it."""
    clock, text = value
    if op == "eq":
        return _capture(_feature_data(build, [clock], "prefix", text), build)
    text += _AFTER_ALL if clock == "local" and op in ("gt", "lte") else ""
    return _capture(_feature_data(build, [clock], op, text), build)


_AREA = {"box": ("west", "south", "east", "north"), "near": ("latitude", "longitude", "km")}
_SIDES = {"west": 180, "east": 180, "longitude": 180, "south": 90, "north": 90, "latitude": 90}


def _area(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError(f"must be an object with {' or '.join(map(', '.join, _AREA.values()))}")
    found = {str(name): _number(each) for name, each in value.items()}
    if far := sorted(name for name, most in _SIDES.items() if abs(found.get(name, 0)) > most):
        raise ValueError(f"{', '.join(far)}: not on Earth")
    return found


def _placed(build: _Builder, op: str, value: dict[str, float]) -> sql.Composable:
    """A test of where something was taken: in a box of degrees, or within some kilometres."""
    if set(value) != {*_AREA[op]}:
        raise ValueError(f"`{op}` takes {', '.join(_AREA[op])}")
    numbers = {name: build.bind(value[name]) for name in _AREA[op]}
    if op == "near" and value["km"] < 0:
        raise ValueError("km must not be negative")
    if op == "box" and value["south"] > value["north"]:
        raise ValueError("south lies north of north")
    across = " AND " if op != "box" or value["west"] <= value["east"] else " OR "
    test = _WITHIN if op == "box" else _AROUND
    return _capture(test.format(**_AT, across=sql.SQL(across), **numbers), build)


_NUMBER = (  # null for whatever is no number
    "(jsonb_path_query_first(f.feature_data, '$.%s ? (@.type() == \"number\")'))::float8"
)
_AT = {axis[:3]: sql.SQL(_NUMBER % axis) for axis in ("latitude", "longitude")}
_WITHIN = sql.SQL("{lat} BETWEEN {south} AND {north} AND ({lon} >= {west}{across}{lon} <= {east})")
_AROUND = sql.SQL(  # the haversine; the mean radius of the Earth is 6371.0088 km
    "2 * 6371.0088 * asin(sqrt(least(1, sin(radians({lat} - {latitude}) / 2) ^ 2"
    " + cos(radians({lat})) * cos(radians({latitude}))"
    " * sin(radians({lon} - {longitude}) / 2) ^ 2))) <= {km}"
)


def _nested(path: Sequence[str], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


# --- fields ---------------------------------------------------------------------------------------

_FEATURE = "feature.<domain>.<type>.<key>"
_TEXT = _EXACT | {"prefix"}
FIELDS: dict[str, _Field] = {
    "kind": _Field(_EXACT, _one_of(Kind), _column("s.kind")),
    "time": _Field(_EXACT | _ORDER, _moment, _column("s.created_at")),
    "captured": _Field(_ORDER | {"eq"}, _captured, _taken),
    "place": _Field(frozenset(_AREA), _area, _placed),
    "at": _Field(_ORDER | {"eq"}, _number, _at),
    "tag": _Field(
        _TEXT,
        lambda value: _text(value).lower(),
        _has("text_index x WHERE x.segment_id = s.id AND x.source = 'tag'", "lower(x.body)"),
    ),
    "domain": _Field(
        _EXACT,
        _one_of(Domain),
        _has("feature_index f WHERE f.segment_id = s.id", "f.feature_domain"),
    ),
    "mime": _Field(_TEXT, _text, _column("s.mime_type")),
    "language": _Field(_EXACT, _text, _has("text_index x WHERE x.segment_id = s.id", "x.language")),
    "type": _Field(_EXACT, _text, _column("s.segment_type")),
    "filename": _Field(_TEXT, _text, _column("s.filename")),
    "asset": _Field(_EXACT, _id, _column("s.lineage")),
    "collection": _Field(
        _EXACT, _id, _has("asset_scopes c WHERE c.lineage = s.lineage", "c.scope")
    ),
}


def _field(name: str) -> _Field | None:
    parts = name.split(".")
    if parts[0] != "feature":
        return FIELDS.get(name)
    if len(parts) < 4 or parts[1] not in list(Domain) or not all(map(_plain, parts)):
        return None
    make = _feature(parts[1], parts[2], parts[3:])
    return _Field(_EXACT | _ORDER | {"prefix"}, _scalar, make)


def _plain(key: str) -> bool:
    return 0 < len(key) <= 100 and all(each.isalnum() or each in "_-" for each in key)
