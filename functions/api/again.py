"""What a caller may ask for when an asset is processed once more."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.names import Domain


def _known(domain: str) -> str:
    return str(Domain(domain))


Priorities = dict[Annotated[str, AfterValidator(_known)], Annotated[int, Field(ge=0, le=10)]]
"""By feature domain: 0 is not wanted."""


class Again(BaseModel):
    """How to process an asset once more; what is not given stays as it was."""

    model_config = ConfigDict(extra="forbid", strict=True)
    priorities: Priorities | None = None
