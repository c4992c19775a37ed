"""What is made of the pictures of a film while they go by, besides its scenes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from analyzers.api import Artifact
from analyzers.video.frames import Picture


class Keeper(Protocol):
    """Makes something of every picture of a piece."""

    def offer(self, picture: Picture) -> None:
        """Look at a picture; its frame is let go afterwards."""

    def full(self) -> Iterator[Artifact]:
        """Yield what need not be held any longer."""

    def rest(self) -> Iterator[Artifact]:
        """Yield what is left once no picture comes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Several keepers as one."""

    keepers: tuple[Keeper, ...]

    def offer(self, picture: Picture) -> None:
        for keeper in self.keepers:
            keeper.offer(picture)

    def full(self) -> Iterator[Artifact]:
        for keeper in self.keepers:
            yield from keeper.full()

    def rest(self) -> Iterator[Artifact]:
        for keeper in self.keepers:
            yield from keeper.rest()
