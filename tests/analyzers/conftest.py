"""One loaded document segmenter for all tests of analyzers."""

import pytest

from analyzers.document.segmenter import DocumentSegmenter


@pytest.fixture(scope="session")
def documents() -> DocumentSegmenter:
    made = DocumentSegmenter()
    made.load()
    return made
