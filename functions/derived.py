"""Derived objects: put under the claim's own prefix, and described for the stages that follow."""

from typing import Any

from analyzers.api import Artifact
from functions.work import Work


def keep(work: Work, number: int, artifact: Artifact) -> dict[str, Any]:
    """Store an artifact; return what a later stage needs to know of it."""
    info = work.put(f"{number:05}-{artifact.kind}", artifact.data)
    return {
        "kind": artifact.kind,
        "mime_type": artifact.mime_type,
        "segment": artifact.segment,
        "metadata": dict(artifact.metadata),
        "key": info.key,
        "size": info.size,
        "sha256": info.sha256,
    }
