"""The names of the headers that carry an event's attributes, in a binding with its own prefix."""

from collections.abc import Callable
from functools import lru_cache

MOST = 256
"""Names remembered: of senders whose headers have no end, the latest."""

Name = Callable[[str], str]


def header_names(prefix: str) -> tuple[Name, Name]:
    """Return what names the header of an attribute, and what names the attribute of a header.

    The second returns "" for a header of another matter.
    """

    @lru_cache(maxsize=MOST)
    def header(attribute: str) -> str:
        return prefix + attribute

    @lru_cache(maxsize=MOST)
    def attribute(header: str) -> str:
        name = header.lower()
        if name == "content-type":
            return "datacontenttype"
        told = name.startswith(prefix) and name != prefix + "datacontenttype"
        return name.removeprefix(prefix) if told else ""

    return header, attribute
