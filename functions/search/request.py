"""What may be asked of search; every bad field is named once."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictStr,
    Tag,
)

from functions.api.bodies import TAG

LONGEST_QUERY = 2000
MOST_HITS = 100
MOST_DIMENSIONS = 4096
CUT_OFF = 0.5

Grouping = Literal["asset", "segment"]
Limit = Annotated[int, Field(strict=True, ge=1, le=MOST_HITS)]
Threshold = Annotated[float, Field(strict=True, ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LikeSegment(_Strict):
    """A query by example: what is like this segment?"""

    segment: UUID


class LikeVector(_Strict):
    """A query by a vector of the caller's own, in one of the spaces."""

    embedding: Annotated[list[StrictFloat], Field(min_length=1, max_length=MOST_DIMENSIONS)]
    space: Annotated[StrictStr, Field(min_length=1, max_length=100)]


def _kind(query: Any) -> str | None:
    match query:
        case str():
            return f"{TAG}words"
        case LikeVector() | {"embedding": _} | {"space": _}:
            return f"{TAG}vector"
        case LikeSegment() | dict():
            return f"{TAG}segment"
        case _:
            return None


Query = Annotated[
    Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY), Tag(f"{TAG}words")]
    | Annotated[LikeSegment, Tag(f"{TAG}segment")]
    | Annotated[LikeVector, Tag(f"{TAG}vector")],
    Discriminator(
        _kind,
        custom_error_type="query",
        custom_error_message='should be words, {"segment": id} or {"embedding": [...], "space": s}',
    ),
]


class SearchRequest(_Strict):
    """A search by words, by a segment or by a vector."""

    query: Query
    filters: dict[str, Any] = Field(default_factory=dict)
    group_by: Grouping = "segment"
    limit: Limit = 10
    include_segments: StrictBool = True
    threshold: Threshold = CUT_OFF


class ImageSearch(_Strict):
    """The fields beside an uploaded image; a form has nothing but text."""

    filters: dict[str, Any] = Field(default_factory=dict)
    group_by: Grouping = "segment"
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10
    include_segments: bool = True
    threshold: Annotated[float, Field(ge=0, le=1)] = CUT_OFF


class SimilarRequest(_Strict):
    """What is like this asset or segment?"""

    entity_id: UUID
    threshold: Threshold = 0.75
    media_types: Annotated[
        list[Literal["video", "audio", "image", "document"]], Field(max_length=4)
    ] = Field(default_factory=list)
    limit: Limit = 10
