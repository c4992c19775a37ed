"""What a group has done in one partition: acknowledged in any order, committed without gaps."""

from dataclasses import dataclass, field


@dataclass
class Offsets:
    """`committed` is the first offset not yet acknowledged; `taken` is where to read on."""

    committed: int = 0
    taken: int = 0
    _acked: set[int] = field(default_factory=set)

    def take(self, offset: int) -> None:
        self.taken = offset + 1

    def ack(self, offset: int) -> bool:
        """Note an acknowledgement; return whether `committed` has moved."""
        before = self.committed
        if offset >= self.committed:
            self._acked.add(offset)
        while self.committed in self._acked:
            self._acked.remove(self.committed)
            self.committed += 1
        return self.committed != before

    def skip_to(self, offset: int) -> None:
        """Forget what is no longer kept."""
        if offset > self.committed:
            self.committed = offset
            self.taken = max(self.taken, offset)
            self._acked = {o for o in self._acked if o >= offset}

    def rewind(self, offset: int) -> None:
        """Deliver again from `offset`."""
        self.committed = self.taken = offset
        self._acked.clear()
