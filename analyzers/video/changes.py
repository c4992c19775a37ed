"""What may happen from one picture of a film to the next."""

from enum import StrEnum


class Change(StrEnum):
    """How a scene begins, or what only looks as if one did: a flash, a camera torn round."""

    START = "start"
    CUT = "cut"
    DISSOLVE = "dissolve"
    FADE = "fade"
    UNTOLD = "untold"
    """A scene begins, and who found that does not say how."""
    FLASH = "flash"
    WHIP_PAN = "whip_pan"

    @property
    def begins(self) -> bool:
        """Return whether a scene begins with it."""
        return self not in (Change.FLASH, Change.WHIP_PAN)
