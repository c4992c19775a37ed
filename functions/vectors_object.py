"""Reads the matrix of vectors that `embed` stored."""

import io
from typing import TYPE_CHECKING, Any

from dataflux.errors import MediaFailed
from schemas.names import Reason
from stores.ports import ObjectStore

if TYPE_CHECKING:
    import numpy as np


def read_vectors(objects: ObjectStore, key: str) -> "np.ndarray[Any, Any]":
    """Return a float32 matrix, one vector a row; raise MediaFailed if it is none."""
    import numpy as np

    with objects.open(key) as kept:
        vectors: np.ndarray[Any, Any] = np.load(
            io.BytesIO(kept.read(0, kept.size)), allow_pickle=False
        )
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise MediaFailed(Reason.EMBEDDING_INVALID, f"{key} is no finite matrix")
    return vectors
