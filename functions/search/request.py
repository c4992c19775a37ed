"""What may be asked of search; every bad field is named."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflux.errors import Invalid

LONGEST_QUERY = 2000
MOST_HITS = 100
MOST_DIMENSIONS = 4096
CUT_OFF = 0.5


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LikeSegment(_Strict):
    """A query by example: what is like this segment?"""

    segment: UUID


class LikeVector(_Strict):
    """A query by a vector of the caller's own, in one of the spaces."""

    embedding: Annotated[list[float], Field(min_length=1, max_length=MOST_DIMENSIONS)]
    space: Annotated[str, Field(min_length=1, max_length=100)]


class SearchRequest(_Strict):
    query: Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)] | LikeSegment | LikeVector
    filters: dict[str, Any] = Field(default_factory=dict)
    group_by: Literal["asset", "segment"] = "segment"
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10
    include_segments: bool = True
    threshold: Annotated[float, Field(ge=0, le=1)] = CUT_OFF


class ImageSearch(_Strict):
    """The fields beside an uploaded image."""

    filters: dict[str, Any] = Field(default_factory=dict)
    group_by: Literal["asset", "segment"] = "segment"
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10
    threshold: Annotated[float, Field(ge=0, le=1)] = CUT_OFF


class SimilarRequest(_Strict):
    """What is like this asset or segment?"""

    entity_id: UUID
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.75
    media_types: list[Literal["video", "audio", "image", "document"]] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1, le=MOST_HITS)] = 10


def _path(loc: Sequence[int | str]) -> list[str]:
    """Return where a mistake is, without pydantic's names of the members of a union."""
    parts = [str(part) for part in loc]
    return [part for part in parts if part not in _MEMBERS and not part.startswith("constrained")]


_MEMBERS = frozenset({"str", LikeSegment.__name__, LikeVector.__name__})

Asked = TypeVar("Asked", bound=BaseModel)


def parse(model: type[Asked], raw: Any) -> Asked:
    """Read a request; raise Invalid that names every bad field once."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        fields: dict[str, str] = {}
        for each in error.errors():
            fields.setdefault(".".join(_path(each["loc"])) or "body", each["msg"])
        raise Invalid("the request cannot be used; mend the named fields", fields) from None
