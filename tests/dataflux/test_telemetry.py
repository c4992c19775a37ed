"""Logs: one line each, for machines or for a person, without secrets."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from dataflux import telemetry

TOKEN = "df_" + "Ab3-_" * 8


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def logged(message: str, *args: object, stream: io.StringIO | None = None, **extra: str) -> str:
    stream = stream or io.StringIO()
    telemetry.configure(stream=stream)
    logging.getLogger("a.b").info(message, *args, extra=extra)
    return stream.getvalue()


def test_a_line_is_json_with_its_context() -> None:
    line = json.loads(logged("done with %s", "it", asset="a1", lane="high"))
    assert line["message"] == "done with it"
    assert (line["level"], line["logger"]) == ("info", "a.b")
    assert (line["asset"], line["lane"]) == ("a1", "high")


def test_a_name_that_is_no_utf8_is_spelt_out() -> None:
    line = json.loads(logged("%s is not taken", b"caf\xe9.txt".decode(errors="surrogateescape")))
    assert line["message"] == "caf\\udce9.txt is not taken"


def test_an_error_stays_one_line() -> None:
    stream = io.StringIO()
    telemetry.configure(stream=stream)
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("a").exception("it failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["error"]


def test_a_terminal_gets_plain_text() -> None:
    text = logged("hello", stream=Terminal())
    assert text.endswith("INFO    a.b: hello\n")
    assert "\x1b" not in text


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("plain", False)])
def test_the_format_can_be_chosen(form: telemetry.Format, is_json: bool) -> None:
    stream = Terminal() if is_json else io.StringIO()
    telemetry.configure(form=form, stream=stream)
    logging.getLogger("a").warning("x")
    assert stream.getvalue().startswith("{") is is_json


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"the token is {TOKEN}", TOKEN),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("postgresql://me:hunter22@db/x", "hunter22"),
        ("password=hunter22 host=db", "hunter22"),
        (f"GET /?token={TOKEN[3:]}&x=1", TOKEN[3:]),
    ],
)
@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_secrets_are_struck_out(text: str, secret: str, stream: type[io.StringIO]) -> None:
    out = logged("%s", text, stream=stream())
    assert secret not in out
    assert "***" in out


def test_ordinary_text_is_left_alone() -> None:
    text = "asset 07ea6723-01a2-8d12-a8de-f7048477242b took 3.2 s: http://127.0.0.1:80/a"
    assert telemetry.without_secrets(text) == text


@dataclass
class Message:
    extensions: dict[str, str] = field(default_factory=dict)


def test_trace_context_goes_round() -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    header = telemetry.traceparent(trace, span)
    assert header == f"00-{trace}-{span}-01"
    assert telemetry.trace_of(Message({"traceparent": header})) == trace


@pytest.mark.parametrize("bad", ["", "00-xyz-1-01", f"00-{'0' * 32}-{'1' * 16}-01", "a-b-c-d"])
def test_a_bad_trace_context_is_none(bad: str) -> None:
    assert telemetry.trace_of(Message({"traceparent": bad})) is None
