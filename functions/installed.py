"""The analyzer that a run is of, as it is installed where its pieces are worked on."""

from analyzers.api import BaseAnalyzer
from dataflux.errors import MediaFailed, NotFound
from functions.deps import Deps
from schemas.names import Reason


def installed(deps: Deps, scope: str) -> BaseAnalyzer:
    """Return an analyzer by name@version; MediaFailed if this version is not here."""
    try:
        return deps.registry.get(scope)
    except NotFound as error:
        raise MediaFailed(Reason.MODEL_UNAVAILABLE, str(error)) from None
