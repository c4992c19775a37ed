"""How pictures are scaled where no code may be made."""

from typing import Any


def fastest(frame: Any, width: int) -> str:
    """Return FFmpeg's fastest way to a width that works under the seal.

    Where a picture gets no narrower, swscale's FAST_BILINEAR makes machine code while it runs.
    """
    return "FAST_BILINEAR" if frame.width > width else "BILINEAR"
