"""A multipart form whose one file is handed on while it comes in; only small fields are kept."""

from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dataflux.errors import Invalid, Malformed

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_FIELDS = 10
LONGEST_FIELD = 1000


class FileForm:
    """The form as far as it has come in.

    `start` reads up to the file, `read` its bytes, `finish` the fields that follow it.
    """

    def __init__(self, content_type: str, chunks: AsyncIterator[bytes], name: str = "file") -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise Malformed("the form names no boundary; let your HTTP client write the form")
        self.fields: dict[str, str] = {}
        self.filename: str | None = None
        self.declared: str | None = None
        self._chunks, self._name = chunks, name
        self._parts = _Parts(self, name)
        try:
            self._parser = MultipartParser(boundary, self._parts.callbacks())
        except FormParserError as error:
            raise Malformed("the boundary of the form is too long; choose a shorter one") from error

    async def start(self) -> None:
        """Read until the file begins; raise Invalid if there is none."""
        while self.filename is None:
            if not await self._more():
                message = f"the form has no file; send one in the field `{self._name}`"
                raise Invalid(message, {self._name: "missing"})

    async def read(self) -> bytes:
        """Return some more of the file, nothing at its end."""
        while not self._parts.data and not self._parts.file_ended:
            await self._require_more()
        return self._parts.data.popleft() if self._parts.data else b""

    async def finish(self) -> None:
        """Read what follows the file."""
        while not self._parts.ended:
            await self._require_more()

    async def _require_more(self) -> None:
        if not await self._more():
            raise Malformed("the form ends before its last boundary; send it again")

    async def _more(self) -> bool:
        """Read one chunk; return False when the form has ended."""
        chunk = b"" if self._parts.ended else await anext(self._chunks, b"")
        if not chunk:
            return False
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Malformed("the form cannot be read; let your HTTP client write it") from error
        return True


class _Parts:
    """What the parser says of the parts of a form."""

    def __init__(self, form: FileForm, name: str) -> None:
        self.data: deque[bytes] = deque()
        self.file_ended = self.ended = False
        self._form, self._name = form, name
        self._header, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._field: str | None = None
        self._text = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_end": self._end_form,
        }

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode(errors="replace")
        if b"filename" in options:
            self._begin_file(name, options[b"filename"].decode(errors="replace"))
        else:
            self._begin_field(name)

    def _begin_field(self, name: str) -> None:
        if name in self._form.fields:
            raise Invalid(f"the form has the field {name[:80]!r} twice", {name[:80]: "is twice"})
        if len(self._form.fields) >= MOST_FIELDS:
            raise Invalid(f"the form has more than {MOST_FIELDS} fields; send fewer")
        self._field = name

    def _begin_file(self, name: str, filename: str) -> None:
        if name != self._name or self._form.filename is not None:
            what = "twice" if name == self._name else "an unknown file"
            message = f"the form has one file, in the field `{self._name}`; send no other"
            raise Invalid(message, {name[:80] or "body": f"is {what}"})
        self._field, self._form.filename = None, filename
        self._form.declared = self._headers.get(b"content-type", b"").decode("latin-1") or None

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.data.append(data[start:end])
            return
        self._text.extend(data[start:end])
        if len(self._text) > LONGEST_FIELD:
            message = f"has more than {LONGEST_FIELD} bytes"
            raise Invalid("a field of the form is too long; shorten it", {self._field: message})

    def _end(self) -> None:
        if self._field is None:
            self.file_ended = True
        else:
            self._form.fields[self._field] = self._text.decode(errors="replace")
        self._text.clear()

    def _end_form(self) -> None:
        self.ended = True
