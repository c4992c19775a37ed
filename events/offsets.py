"""What a group has done in one partition: acknowledged in any order, committed without gaps."""

from dataclasses import dataclass, field


@dataclass
class Offsets:
    """`committed` is the first offset not yet acknowledged; `taken` is where to read on."""

    committed: int = 0
    taken: int = 0
    _acked: set[int] = field(default_factory=set)

    def take(self, first: int, last: int) -> None:
        """Note what is delivered; what was left out before it is lost, and not waited for."""
        self._acked.update(range(self.taken, first))
        self.taken = last + 1
        self._advance()

    def ack(self, offset: int) -> bool:
        """Note an acknowledgement; return whether `committed` has moved."""
        before = self.committed
        if offset >= self.committed:
            self._acked.add(offset)
        self._advance()
        return self.committed != before

    def _advance(self) -> None:
        while self.committed in self._acked:
            self._acked.remove(self.committed)
            self.committed += 1

    def fit(self, start: int, end: int) -> None:
        """Forget what is no longer kept, and what a crash has taken from the end of the log."""
        if self.taken > end:
            self.rewind(min(self.committed, end))
        self.skip(start)

    def skip(self, offset: int) -> None:
        """Do not wait for what lies before `offset`: it is gone, or another member has done it."""
        if offset > self.committed:
            self.committed = offset
            self.taken = max(self.taken, offset)
            self._acked = {o for o in self._acked if o >= offset}
            self._advance()

    def rewind(self, offset: int) -> None:
        """Deliver again from `offset`."""
        self.committed = self.taken = offset
        self._acked.clear()
