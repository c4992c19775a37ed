"""How much of a film is decoded to find its scenes, chosen for each film."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

LONG_S = 20 * 60
"""`auto` looks at every frame of a film that is no longer."""


class Mode(StrEnum):
    """Exact: every frame. Fast: the frames that others refer to, without the loop filter.

    Compressed: key frames, and more only where those leave a doubt.
    """

    EXACT = "exact"
    FAST = "fast"
    COMPRESSED = "compressed"

    @classmethod
    def of(cls, config: Mapping[str, Any], length_s: float) -> "Mode":
        """Return what the configuration asks for; `auto` is exact unless the film is long.

        Detectors of others see every frame.
        """
        asked = config.get("scenes", "auto")
        if asked == "auto":
            return cls.FAST if length_s > LONG_S else cls.EXACT
        return next((mode for mode in cls if mode == asked), cls.EXACT)


def apply(mode: Mode, stream: Any) -> None:
    """Prepare a stream that has not been decoded from yet."""
    if mode is not Mode.EXACT:
        stream.codec_context.options = {"skip_loop_filter": "all"}
        stream.codec_context.skip_frame = "NONREF"
