"""Plain text, Markdown, HTML and CSV: their blocks, their ranges, their encodings."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.document import encoding
from analyzers.document.blocks import LONGEST, cuts
from analyzers.document.segmenter import DocumentSegmenter
from tests.analyzers.files import bodies, extracted, failure
from tests.analyzers.papers import sign
from tests.analyzers.places import roles, text_matches

GERMAN = "Über den Fluß führt eine alte Brücke. Sie ist schön und gehört der Stadt.\n"


def ranges_match(segments: list, text: str) -> bool:  # type: ignore[type-arg]
    places = [(s.start_marker["char"], s.texts[0].body) for s in segments]
    return all(text[start:end].strip() == body for (start, end), body in places)


# --- plain text -----------------------------------------------------------------------------------


def test_plain_text_is_cut_at_blank_lines(documents: DocumentSegmenter) -> None:
    data = "First line\nof one.\n \t\n\n  Second, with \U0001f3b5 music.\r\n\r\nThird."
    segments, (text,) = extracted(documents, data.encode(), mime_type="text/plain")
    assert bodies(segments) == ["First line\nof one.", "Second, with \U0001f3b5 music.", "Third."]
    whole = text.data.decode()
    assert [whole[slice(*s.start_marker["char"])] for s in segments] == bodies(segments)


@pytest.mark.parametrize(
    "codec",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "iso8859-15"],
)
def test_finds_the_encoding(documents: DocumentSegmenter, codec: str) -> None:
    data = (GERMAN * 8).encode(codec)
    segments, _ = extracted(documents, data, mime_type="text/plain")
    assert bodies(segments)[0].startswith("Über den Fluß führt eine alte Brücke.")
    assert segments[0].texts[0].language == "de"


def test_broken_bytes_and_zeros_do_not_stop_it(documents: DocumentSegmenter) -> None:
    data = ("Grüße aus Köln und Bögen über Flüsse. " * 40).encode() + b"\xff \x00 end\x01"
    segments, _ = extracted(documents, data, mime_type="text/plain")
    assert bodies(segments)[-1].endswith("\ufffd  end")
    assert documents.get_metadata(io.BytesIO(data))["replaced_bytes"] == 1


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\0\0\0"])
def test_nothing_to_read_is_empty(documents: DocumentSegmenter, data: bytes) -> None:
    assert failure(documents, data, mime_type="text/plain")[0] == "empty_file"


def test_text_holds_its_limits(documents: DocumentSegmenter) -> None:
    many = b"word\n\n" * 200
    assert (
        failure(documents, many, mime_type="text/plain", limits={"segments": 199})[1] == "segments"
    )
    assert (
        failure(documents, many, mime_type="text/plain", limits={"text_bytes": 1000})[1]
        == "text_bytes"
    )


@given(st.text(alphabet="ab .\n\u4e2d\U0001f600", max_size=4000))
def test_cuts_lose_nothing_and_stay_short(text: str) -> None:
    found = list(cuts(text, 100))
    assert all(end - start <= 100 for start, end in found)
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]
    kept = "".join(text[start:end] for start, end in found)
    assert kept == text if text[-100:].strip() else text.startswith(kept)


def test_a_long_paragraph_is_cut_between_sentences(documents: DocumentSegmenter) -> None:
    data = ("The crane lifts a box. " * 300).encode()
    segments, _ = extracted(documents, data, mime_type="text/plain")
    assert len(segments) > 3
    assert all(len(body) <= LONGEST for body in bodies(segments))
    assert all(body.endswith("box.") for body in bodies(segments))


# --- Markdown -------------------------------------------------------------------------------------


def test_markdown_is_read_as_commonmark(documents: DocumentSegmenter) -> None:
    data = """---
title: hidden
---
# Title *bold*

Text with [a link](http://example.com/x) and `code`,
second line.

## Sub

- item one
- item two

| name | city |
|------|------|
| Ann  | Bonn |

```python
print("hi")
```

<script>alert(1)</script>
"""
    segments, (text,) = extracted(documents, data.encode(), mime_type="text/markdown")
    assert [(s.type, s.texts[0].body) for s in segments] == [
        ("heading", "Title bold"),
        ("paragraph", "Text with a link and code, second line."),
        ("heading", "Sub"),
        ("list_item", "item one"),
        ("list_item", "item two"),
        ("table", "name: Ann; city: Bonn"),
        ("paragraph", 'print("hi")'),
    ]
    assert segments[2].features["semantic"]["heading"] == {"level": 2}
    assert segments[-1].features["semantic"]["code"] == {"language": "python"}
    assert ranges_match(segments, text.data.decode())


def test_markdown_reads_deep_quotes(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, b"> " * 40 + b"core\n", mime_type="text/markdown")
    assert bodies(segments) == ["core"]


# --- HTML -----------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html><html><head><title>T</title><style>p{}</style>
<script>document.write("<p>made</p>")</script></head><body>
<nav>Menu</nav><h2>Big <em>news</em></h2><p>One&nbsp;two<br>three &amp; four
<img src="http://127.0.0.1:9/x.png" alt="a red boat"></p>
<div>loose text<ul><li>first<li>second</ul></div>
<table><caption>Ages</caption><tr><th>name<th>age</tr><tr><td>Ann<td>7</tr><tr><td><script>x()</script>Bo<td>9</tr></table>
<iframe src="file:///etc/passwd">frame</iframe><p hidden>unseen</p><!-- gone --><p>last
</body></html>"""


def test_html_is_what_a_reader_sees(documents: DocumentSegmenter) -> None:
    segments, (text,) = extracted(documents, PAGE.encode(), mime_type="text/html")
    assert [(s.type, s.texts[0].body) for s in segments] == [
        ("paragraph", "Menu"),
        ("heading", "Big news"),
        ("paragraph", "One two three & four a red boat"),
        ("paragraph", "loose text"),
        ("list_item", "first"),
        ("list_item", "second"),
        ("paragraph", "Ages"),
        ("table", "name: Ann; age: 7\nname: Bo; age: 9"),
        ("paragraph", "last"),
    ]
    assert ranges_match(segments, text.data.decode())
    assert documents.get_metadata(io.BytesIO(PAGE.encode()))["title"] == "T"


def test_html_tells_its_main_text_from_what_is_around(documents: DocumentSegmenter) -> None:
    page = """<header><h1>The Daily Quay</h1></header><nav><a href="/">Home</a></nav>
    <div><a href="/a">Ports</a></div><div><a href="/b">Ships</a></div>
    <div><a href="/c">Tides</a></div>
    <article><header><h2>Crane back</h2></header><p>It works
    <a href="https://example.org/crane">again</a>.</p><blockquote><p>At last!</p></blockquote>
    <figure><img alt="A sign" src="data:image/png;base64,%s"><figcaption>Quay seven</figcaption>
    </figure></article><aside><p>Read on</p></aside><footer><p>Imprint</p></footer>"""
    data = (page % base64.b64encode(sign()).decode()).encode()
    segments, artifacts = extracted(documents, data, mime_type="text/html")
    assert [(s.type, *roles(s), *bodies([s])) for s in segments] == [
        ("heading", "header", "The Daily Quay"),
        ("paragraph", "navigation", "Home"),
        ("paragraph", "navigation", "Ports"),
        ("paragraph", "navigation", "Ships"),
        ("paragraph", "navigation", "Tides"),
        ("heading", "Crane back"),
        ("paragraph", "It works again."),
        ("paragraph", "quoted", "At last!"),
        ("image", "A sign"),
        ("paragraph", "caption", "Quay seven"),
        ("paragraph", "aside", "Read on"),
        ("paragraph", "footer", "Imprint"),
    ]
    assert segments[6].features["semantic"]["links"] == {"targets": ["https://example.org/crane"]}
    assert text_matches(segments, artifacts)


def test_html_believes_its_declared_encoding_only_where_it_must(
    documents: DocumentSegmenter,
) -> None:
    page = '<html><meta charset="windows-1251"><p>Привет, дорогой читатель нашей газеты</p></html>'
    for codec in ("cp1251", "utf-8"):
        segments, _ = extracted(documents, page.encode(codec), mime_type="text/html")
        assert bodies(segments) == ["Привет, дорогой читатель нашей газеты"]
    assert encoding.declared_in_html(b'<meta charset="hex">') is None
    assert encoding.declared_in_html(b'<meta charset="no-such">') is None


def test_html_entities_of_its_own_are_not_expanded(documents: DocumentSegmenter) -> None:
    page = (
        b"""<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>a &x; b</p></html>"""
    )
    segments, _ = extracted(documents, page, mime_type="text/html")
    assert "root" not in " ".join(bodies(segments))


def test_deep_html_is_read_or_refused(documents: DocumentSegmenter) -> None:
    page = b"<div><p><b>" * 400 + b"core<table><td>" + b"<i>" * 400 + b"cell"
    assert bodies(extracted(documents, page, mime_type="text/html")[0]) == ["core", "cell"]
    deeper = b"<div>" * 5_000 + b"core"
    assert failure(documents, deeper, mime_type="text/html") == ("decode_limit_exceeded", "depth")


def test_a_page_without_text_is_empty(documents: DocumentSegmenter) -> None:
    page = b"<html><body><script>x</script></body></html>"
    assert failure(documents, page, mime_type="text/html") == ("empty_media", None)


# --- CSV ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(documents: DocumentSegmenter, mark: str) -> None:
    rows = [["name", "note"], ["Ann", "said, twice"], [], ["Bo", "=cmd()"]]
    data = "\r\n".join(mark.join(f'"{c}"' for c in row) for row in rows).encode()
    segments, _ = extracted(documents, data, mime_type="text/csv")
    sheet, table = segments
    assert (sheet.type, table.start_marker, table.parent) == (
        "sheet",
        {"page": 1, "row": [2, 4]},
        sheet.key,
    )
    assert table.texts[0].body == "name: Ann; note: said, twice\nname: Bo; note: =cmd()"


def test_csv_without_a_header_keeps_its_first_row(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, b"1,2\n3,4\n", mime_type="text/csv")
    assert bodies(segments, "table") == ["1; 2\n3; 4"]


def test_csv_groups_rows_by_number_and_length(documents: DocumentSegmenter) -> None:
    data = "a,b\n" + "".join(f"{n},{'x' * 400}\n" for n in range(12))
    segments, _ = extracted(documents, data.encode(), mime_type="text/csv")
    rows = [s.start_marker["row"] for s in segments if s.type == "table"]
    assert rows == [[2, 4], [5, 7], [8, 10], [11, 13]]


def test_csv_cuts_a_cell_that_is_too_long(documents: DocumentSegmenter) -> None:
    segments, _ = extracted(documents, b'a,"' + b"x" * 3_000_000 + b'"\n', mime_type="text/csv")
    assert sum(len(body) for body in bodies(segments)) < 3_000


# --- which format ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "declared", "first"),
    [
        (b"# One\n\n- two\n", None, "heading"),
        (b"# One\n\n- two\n", "text/plain", "paragraph"),
        (b"a,b\n1,2\n3,4\n", None, "sheet"),
        (b" <!-- x --> <html><h1>Hi</h1>", None, "heading"),
        (b"Just words.", "application/octet-stream", "paragraph"),
    ],
)
def test_is_read_as_declared_or_as_it_looks(
    documents: DocumentSegmenter, data: bytes, declared: str | None, first: str
) -> None:
    config = {} if declared is None else {"mime_type": declared}
    assert extracted(documents, data, **config)[0][0].type == first


def test_bytes_that_are_not_what_they_claim(documents: DocumentSegmenter) -> None:
    assert failure(documents, b"words", mime_type="application/pdf")[0] == "corrupt_media"
