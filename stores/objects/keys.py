"""What a key of the object store may be, whatever holds the objects."""

from dataflux.errors import Invalid

LONGEST_KEY = 1024


def check(key: str) -> None:
    """Raise Invalid for what is no key, or what some stores would not take."""
    parts = key.split("/")
    if len(key.encode(errors="surrogatepass")) > LONGEST_KEY or not all(parts):
        raise Invalid(f"object key {key[:80]!r} is no key: 1-1024 bytes, no empty parts")
    if "\0" in key or not {".", ".."}.isdisjoint(parts):  # not every S3 takes them either
        raise Invalid(f"object key {key[:80]!r} is no key: it holds '.', '..' or a zero byte")
