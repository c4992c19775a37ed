"""Documents of every format as pages, paragraphs, headings and tables with their places."""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Protocol

from analyzers.api import AnalyzerSpec, Artifact, BaseAnalyzer, Cost, Range, Segment
from analyzers.decoding import Limits
from analyzers.document import (
    delimited,
    docx,
    epub,
    html,
    mail,
    markdown,
    odt,
    pdf,
    plain,
    pptx,
    rst,
    rtf,
    xlsx,
)
from analyzers.document.sniff import EMAIL, EPUB, ODT, RST, RTF, mime_type
from analyzers.image import decoder
from analyzers.text import language


class Format(Protocol):
    """What a module of this folder offers for one format."""

    def load(self) -> None: ...

    def metadata(self, file: BinaryIO, limits: Limits) -> dict[str, Any]: ...

    def pieces(self, file: BinaryIO, limits: Limits) -> list[Range]: ...

    def read(
        self, file: BinaryIO, piece: Range | None, limits: Limits
    ) -> Iterator[Segment | Artifact]: ...


OFFICE = "application/vnd.openxmlformats-officedocument."
FORMATS: dict[str, Format] = {
    "application/pdf": pdf,
    OFFICE + "wordprocessingml.document": docx,
    OFFICE + "presentationml.presentation": pptx,
    OFFICE + "spreadsheetml.sheet": xlsx,
    ODT: odt,
    EPUB: epub,
    RTF: rtf,
    EMAIL: mail,
    RST: rst,
    "text/csv": delimited,
    "text/tab-separated-values": delimited,
    "text/html": html,
    "application/xhtml+xml": html,
    "text/markdown": markdown,
    "text/plain": plain,
}


class DocumentSegmenter(BaseAnalyzer):
    """Reads the format that config["mime_type"] names, else the one its content shows."""

    spec = AnalyzerSpec(
        name="document",
        version="2",
        formats=tuple(FORMATS),
        emits=("semantic", "technical"),
        cost=Cost(0.02, "page"),
    )

    def load(self) -> None:
        language.load()
        decoder.load()
        for module in dict.fromkeys(FORMATS.values()):
            module.load()

    def get_metadata(self, file: BinaryIO) -> dict[str, Any]:
        return _format(file, {}).metadata(file, Limits())

    def plan_pieces(self, file: BinaryIO, config: Mapping[str, Any]) -> list[Range]:
        return _format(file, config).pieces(file, Limits.of(config))

    def extract_segments(
        self, file: BinaryIO, config: Mapping[str, Any]
    ) -> Iterator[Segment | Artifact]:
        yield from _format(file, config).read(file, config.get("piece"), Limits.of(config))


def _format(file: BinaryIO, config: Mapping[str, Any]) -> Format:
    """Return the module to read with: what is declared, if the bytes can be that at all."""
    declared = str(config.get("mime_type") or "").split(";")[0].strip().lower()
    return FORMATS[mime_type(file, declared)]
