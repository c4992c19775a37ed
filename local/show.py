"""How the command line shows things to a person."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from functions.ui.reasons import words
from local import waterfall

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def hits(answer: dict[str, Any]) -> None:
    """Print what was found: where, how sure, and why."""
    if not answer["hits"]:
        console.print(f"no good match (nothing reaches {answer['threshold']})")
        return
    for number, hit in enumerate(answer["hits"], start=1):
        console.print(f"[bold]{number}. {escape(hit['filename'])}[/bold]  {hit['score']:.2f}")
        console.print(f"   {escape(hit['address'])}")
        for line in reasons(hit):
            console.print(f"   {line}")


def reasons(hit: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each signal of a hit."""
    for signal in hit["signals"]:
        line = f"{signal['signal']} {signal['score']:.2f}"
        if "snippet" in signal:
            line += f" ({signal['source']}): {marked(signal['snippet'], signal['marks'])}"
        else:
            line += f" by {escape(signal['model'])}"
        yield line


def marked(text: str, marks: list[list[int]]) -> str:
    """Return a snippet with the found words in bold."""
    out, at = "", 0
    for start, end in marks:
        out += escape(text[at:start]) + f"[bold yellow]{escape(text[start:end])}[/]"
        at = end
    return (out + escape(text[at:])).replace("\n", " ")


def sent(files: list[dict[str, Any]]) -> None:
    """Print what became of uploads."""
    for one in files:
        console.print(f"{one.get('id', '-'):<36}  {escape(one['filename'])}  {_became(one)}")


def _became(one: dict[str, Any]) -> str:
    if one.get("duplicate_of"):
        return "here already"
    said = f"{one.get('status', 'uploaded')}"
    if one.get("reason"):
        return f"{said} {escape(why(one['reason']))}"
    return said + (f" ({escape(one['detail'])})" if one.get("detail") else "")


def why(reason: str, detail: str = "") -> str:
    """Return a reason with what happened and what to do about it."""
    happened = f"{detail.rstrip('.')}. " if detail else ""
    return f"({reason}): {happened}{words(reason)}"


def trace(found: dict[str, Any]) -> None:
    """Print the trail of an asset: its runs as waterfalls, and why what failed did."""
    about = found["asset"]
    console.print(f"[bold]{escape(about['filename'])}[/bold]  {about['id']}  {about['status']}")
    if about.get("reason"):
        console.print(f"  {escape(why(about['reason'], about.get('detail') or ''))}")
    for run in found["runs"]:
        console.print(f"run {run['id']}  {run['state']}  lane {run['lane']}")
        for line in (*waterfall.lines(run), *_failures(run)):
            console.print(escape(line))


def _failures(run: dict[str, Any]) -> Iterator[str]:
    for stage in run["stages"]:
        for piece in stage["pieces"]:
            if piece.get("reason"):
                told = why(piece["reason"], piece.get("detail") or "")
                yield f"  {stage['stage']}[{piece['index']}] {piece['state']} {told}"


def replays(found: list[dict[str, Any]]) -> None:
    """Print what was delivered once more."""
    for one in found:
        verb = "would be sent" if one["dry_run"] else "sent"
        console.print(f"{one['id']}  {one['deliveries']} {verb} from {one['from']} on")
        for name, count in one["types"].items():
            console.print(f"  {count:>6}  {name}")


def entity(found: dict[str, Any]) -> None:
    """Print an asset or a segment, with the segments in it."""
    asset(found) if "filename" in found else segments([found])
    if found.get("segments"):
        console.print()
        segments(found["segments"])


def asset(found: dict[str, Any]) -> None:
    """Print one asset."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ("address", "filename", "kind", "mime_type", "size", "status", "reason", "detail"):
        if found.get(name) not in (None, ""):
            table.add_row(name, escape(str(found[name])))
    if found.get("reason"):
        table.add_row("what to do", escape(words(found["reason"])))
    for name in ("created_at", "indexed_at", "duplicate_of"):
        if found.get(name):
            table.add_row(name, str(found[name]))
    console.print(table)


def segments(items: list[dict[str, Any]]) -> None:
    """Print the segments of an asset with the beginning of their texts and what is in them."""
    table = Table("address", "type", "text", "found", box=None, pad_edge=False)
    for item in items:
        text = " ".join(t["body"] for t in item["texts"])
        place = item["address"].partition("#")[2] or "-"
        found = "; ".join(_findings(item.get("features", ())))
        table.add_row(place, item["type"], escape(text[:80]), escape(found))
    console.print(table)


def _findings(features: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what a text is about: `persons: Ann, Bo`; measures of pictures are left to --json."""
    for feature in features:
        if feature["domain"] != "semantic" or not isinstance(feature["data"], dict):
            continue
        values = {name: value for name, value in feature["data"].items() if value is not None}
        sure = feature.get("confidence")
        for name, value in values.items():
            if name == "confidence" or isinstance(value, dict):
                continue
            many = isinstance(value, list)
            shown = ", ".join(map(str, value[:8])) if many else str(value)
            label = name if many else f"{feature['type']} {name}"
            yield f"{label}: {shown}" + (f" ({sure:.2f})" if sure is not None else "")


def status(found: dict[str, Any]) -> None:
    """Print what an installation holds and does."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name in ("assets", "kinds", "reasons"):
        counts = ", ".join(f"{n} {k}" for k, n in found[name].items()) or "none"
        table.add_row(name, counts)
    waiting = sum(w["ready"] + w["leased"] for w in found["waiting"])
    table.add_row("pieces open", str(waiting))
    table.add_row("dead letters", str(found["dead_letters"]))
    table.add_row("analyzers", ", ".join(found["analyzers"]))
    console.print(table)
