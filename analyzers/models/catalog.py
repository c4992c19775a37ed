"""The models we know by URL, checksum and licence; the file beside this one lists them."""

from functools import cache
from importlib.resources import files

from pydantic import RootModel

from analyzers.models.manifest import Model


@cache
def catalog() -> dict[str, Model]:
    """Return the entries by name, the preferred ones of a kind first."""
    raw = files(__package__).joinpath("catalog.json").read_bytes()
    entries = RootModel[list[Model]].model_validate_json(raw).root
    return {model.name: model for model in entries}
