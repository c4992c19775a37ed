"""Pictures that a page carries in itself, as data: URLs."""

import base64
import binascii
import re

PICTURE = re.compile(r"\s*data:image/(?:png|jpe?g|gif|webp|avif|bmp|tiff);base64,", re.IGNORECASE)
LONGEST = 40_000_000
"""Characters of one URL."""


def picture_of(url: str) -> bytes | None:
    """Return the bytes of a picture in a data: URL; None for every other address."""
    match = PICTURE.match(url)
    if match is None or len(url) > LONGEST:
        return None
    try:
        return base64.b64decode(url[match.end() :])
    except binascii.Error:
        return None
