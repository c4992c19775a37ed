"""The OpenAPI document: what FastAPI knows of the routes, and what only we know of them."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.api import analyzer_answers, answers, letter_answers
from functions.api.again import Again
from functions.api.analyzers import ToCompare, ToRun
from functions.api.assets import Metadata, Replay
from functions.api.letters import ToSettle
from functions.api.problems import CONTENT_TYPE, Problem
from functions.api.sources import NewSource
from functions.api.users import NewGrant, NewUser
from functions.search.request import ImageSearch, SearchRequest, SimilarRequest
from schemas.names import Domain

JSON, FORM, BYTES = "application/json", "multipart/form-data", "application/octet-stream"
REF = "#/components/schemas/{model}"
Schema = dict[str, Any]

ANSWERS: dict[str, tuple[str, tuple[type[BaseModel], ...]]] = {
    "assets_upload": ("202", (answers.Received,)),
    "assets_version": ("202", (answers.Received,)),
    "assets_list": ("200", (answers.page(answers.Asset),)),
    "assets_get": ("200", (answers.AssetWithRenditions, answers.Arriving)),
    "assets_update": ("200", (answers.Asset,)),
    "assets_versions": ("200", (answers.page(answers.Asset),)),
    "assets_segments": ("200", (answers.page(answers.Segment),)),
    "assets_trace": ("200", (answers.Trace,)),
    "assets_retry": ("202", (answers.Rerun,)),
    "assets_analyze": ("202", (answers.Rerun,)),
    "assets_replay": ("202", (answers.Replayed,)),
    "segments_get": ("200", (answers.SegmentWithin,)),
    "search": ("200", (answers.Answer,)),
    "similar": ("200", (answers.Answer,)),
    "status": ("200", (answers.Status,)),
    "stats": ("200", (answers.Stats,)),
    "dead_letters_list": ("200", (answers.page(letter_answers.DeadLetter),)),
    "events_list": ("200", (answers.Recording,)),
    "dead_letters_groups": ("200", (answers.page(letter_answers.DeadLetterGroup),)),
    "dead_letters_get": ("200", (letter_answers.DeadLetterWithMessage,)),
    "dead_letters_retry": ("200", (letter_answers.Settled,)),
    "dead_letters_replay": ("200", (letter_answers.Settled,)),
    "dead_letters_discard": ("200", (letter_answers.Settled,)),
    "sources_list": ("200", (answers.page(answers.Source),)),
    "sources_add": ("201", (answers.AddedSource,)),
    "sources_notify": ("200", (answers.Notified,)),
    "users_list": ("200", (answers.page(answers.User),)),
    "users_add": ("201", (answers.AddedUser,)),
    "analyzers_list": ("200", (answers.page(analyzer_answers.Analyzer),)),
    "consents_list": ("200", (answers.page(answers.Consent),)),
    "analyzers_run": ("202", (analyzer_answers.AnalyzerRun,)),
    "analyzers_diff": ("200", (analyzer_answers.AnalyzersDiff,)),
    "relationships_list": ("200", (answers.page(answers.Relationship),)),
}
BODIES: dict[str, type[BaseModel]] = {
    "assets_update": Metadata,
    "assets_replay": Replay,
    "assets_analyze": Again,
    "assets_retry": Again,
    "search": SearchRequest,
    "similar": SimilarRequest,
    "dead_letters_retry": ToSettle,
    "dead_letters_replay": ToSettle,
    "dead_letters_discard": ToSettle,
    "sources_add": NewSource,
    "users_add": NewUser,
    "grants_give": NewGrant,
    "analyzers_run": ToRun,
    "analyzers_diff": ToCompare,
}
OPTIONAL = ("assets_analyze", "assets_retry", "analyzers_run")
UPLOADS = ("assets_upload", "assets_version")
DOWNLOADS = ("assets_content", "assets_rendition", "segments_rendition")
_FILE: Schema = {"type": "string", "format": "binary"}
_UPLOAD: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": _FILE,
        "priority": {"type": "integer", "minimum": 1, "maximum": 10},
        "bulk": {"type": "boolean", "default": False},
        "priorities": {
            "type": "object",
            "description": "By feature domain: 0 is not wanted.",
            "propertyNames": {"enum": list(Domain)},
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 10},
        },
    },
}
_QUERY = [
    {"name": name, "in": "query", "required": False, "schema": schema, "description": what}
    for name, schema, what in (
        ("filename", {"type": "string", "maxLength": 255}, "Of a bare body: its name."),
        ("priority", _UPLOAD["properties"]["priority"], "Of a bare body: 1 is most urgent."),
        ("bulk", _UPLOAD["properties"]["bulk"], "Of a bare body: it may wait."),
        ("priorities", {"type": "string"}, 'Of a bare body: {"visual": 0} as JSON.'),
    )
]


def install(app: FastAPI) -> None:
    """Have the app publish the whole contract."""

    @cache
    def openapi() -> Schema:
        return _completed(
            get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
        )

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation has it


def _completed(schema: Schema) -> Schema:
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # we answer with problems
        schemas.pop(name, None)
    schemas.update(_models())
    components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            _complete(operation)
            if path.startswith("/api/"):
                operation["security"] = [{"token": []}]
    return schema


def _models() -> Schema:
    used = {model for _, models in ANSWERS.values() for model in models}
    every: set[type[BaseModel]] = {*used, *BODIES.values(), ImageSearch, Problem}
    _, schema = models_json_schema(
        [(model, "validation") for model in sorted(every, key=str)], ref_template=REF
    )
    found: Schema = schema["$defs"]
    image = found["ImageSearch"]
    image["properties"]["image"], image["required"] = _FILE, ["image"]
    return found


def _complete(operation: Schema) -> None:
    name, responses = operation["operationId"], operation["responses"]
    responses.pop("422", None)
    if name in ANSWERS:
        status, models = ANSWERS[name]
        options = [_ref(model) for model in models]
        schema = options[0] if len(options) == 1 else {"anyOf": options}
        responses[status]["content"] = {JSON: {"schema": schema}}
    if name in DOWNLOADS:
        responses["200"]["content"] = {"*/*": {"schema": _FILE}}
        responses["206"] = {"description": "The range that was asked for"}
    responses["default"] = {
        "description": "What went wrong, and the mend",
        "content": {CONTENT_TYPE: {"schema": _ref(Problem)}},
    }
    if content := _body(name):
        operation["requestBody"] = {"required": name not in OPTIONAL, "content": content}
    if name in UPLOADS:
        operation["parameters"] = [*operation.get("parameters", ()), *_QUERY]


def _body(name: str) -> Schema:
    if name in UPLOADS:
        return {FORM: {"schema": _UPLOAD}, BYTES: {"schema": _FILE}}
    if name == "sources_notify":
        return {JSON: {"schema": {"type": "object"}}}
    if name not in BODIES:
        return {}
    content = {JSON: {"schema": _ref(BODIES[name])}}
    return content | ({FORM: {"schema": _ref(ImageSearch)}} if name == "search" else {})


def _ref(model: type[BaseModel]) -> Schema:
    return {"$ref": REF.format(model=model.__name__)}
