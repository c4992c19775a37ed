"""Words for many things, few of which are in any one archive: what no match looks like."""

from array import array
from collections.abc import Sequence

from analyzers.api import Encoder
from dataflux.errors import DataFluxError
from functions.deps import Deps

PROBES = (
    "a dog running on a beach", "a bowl of noodles", "the stock market fell", "a chess game",
    "a red tractor in a field", "an operation in a hospital", "a wedding cake", "a map of Africa",
    "a man playing the trumpet", "an old sailing ship", "snow on mountain tops", "a tax return",
    "a cat asleep on a sofa", "a crowded subway station", "a recipe for bread", "a wind turbine",
    "a football stadium at night", "a handwritten letter", "a spaceship", "how a bill becomes law",
    "a yellow school bus", "coral and tropical fish", "a circuit board", "a lecture on philosophy",
    "a woman with an umbrella", "a burning forest", "a plate of sushi", "the history of Rome",
    "a baby laughing", "a motorcycle race", "a desert with camels", "an annual report",
    "a green parrot", "a bridge in fog", "a tennis player", "instructions for a washing machine",
    "a clock tower", "a glass of wine", "elephants at a river", "a patent for an engine",
)  # fmt: skip
KEPT_S = 7 * 86_400.0


def vectors(deps: Deps, encoder: Encoder) -> list[Sequence[float]]:
    """Return an encoder's vectors of the probes, computed once; none if its model is broken."""
    key, size = f"probes:{encoder.spec.model}", encoder.spec.dimensions or 0
    if (kept := deps.cache.get(key)) is None:
        try:
            found = [encoder.embed_query(words) for words in PROBES]
        except DataFluxError:
            return []
        kept = b"".join(array("f", each.vector).tobytes() for each in found if each is not None)
        deps.cache.set(key, kept, KEPT_S)
    numbers = array("f", kept)
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]
