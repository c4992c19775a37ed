"""How much of labelled files is found: kinds, facts of cameras, words, passages, speech, scenes.

    python -m bench.real_media FOLDER

FOLDER has the files of `labels.json`, which people labelled by looking at them; files are known by
their sha256, whatever they are called. The files are not ours to ship. Pages were read and clips
watched for this; what could not be told (a recording nobody wrote down) has no label.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from rapidfuzz.distance import Levenshtein

from bench.installation import bring_in, installation
from bench.measures import Subject
from tests.fixtures.platform import Platform

LABELS = json.loads(Path(__file__).with_name("labels.json").read_text("utf-8"))
NEAR = 0.01
"""How far off a number may be: a thousandth of a degree, a pixel."""
Label = Mapping[str, Any]
Pair = tuple[Label, "Found"]


class Found:
    """What is known of one asset after its analysis."""

    def __init__(self, on: Platform, lineage: UUID) -> None:
        with on.deps.engine.session(on.caller.tenant, "worker") as conn:
            rows = conn.execute("SELECT kind FROM assets WHERE lineage = %s", [lineage]).fetchall()
            self.kind = rows[0][0] if rows else None
            self.texts = conn.execute(
                "SELECT t.source, t.body FROM texts t JOIN segments s ON s.id = t.segment_id"
                " WHERE s.lineage = %s AND t.source <> 'name' ORDER BY s.sequence_number, t.id",
                [lineage],
            ).fetchall()
            features = conn.execute(
                "SELECT feature_domain || '.' || feature_type, feature_data FROM features f"
                " JOIN segments s ON s.id = f.segment_id WHERE s.lineage = %s",
                [lineage],
            ).fetchall()
            self.scenes = len(
                conn.execute(
                    "SELECT FROM segments WHERE lineage = %s AND segment_type = 'scene'", [lineage]
                ).fetchall()
            )
        self.facts = {key: value for name, data in features for key, value in _flat(name, data)}

    def said(self, source: str) -> str:
        return " ".join(body for each, body in self.texts if each == source)


def _flat(name: str, data: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _flat(f"{name}.{key}", value)
    else:
        yield name, data


def main(folder: Path) -> None:
    files = {_sha256(path): path for path in folder.rglob("*") if path.is_file()}
    labels = {name: each for name, each in LABELS.items() if each["sha256"] in files}
    with installation(None) as on:
        data = [(name, files[each["sha256"]].read_bytes()) for name, each in labels.items()]
        lineages = bring_in(on, data)
        pairs = [(each, Found(on, lineages[name])) for name, each in labels.items()]
    print(f"{len(pairs)} of {len(LABELS)} labelled files")
    kinds = [label["kind"] == found.kind for label, found in pairs]
    Subject("kind", "real files").share("accuracy", sum(kinds), len(kinds))
    _facts(pairs)
    _words(pairs)
    _passages(pairs)
    _speech(pairs)
    _scenes(pairs)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(pairs: Sequence[Pair]) -> None:
    right = [
        _near(found.facts.get(name), wanted)
        for label, found in pairs
        for name, wanted in label.get("facts", {}).items()
    ]
    Subject("facts of pictures", "real photographs").share("accuracy", sum(right), len(right))


def _near(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, float):
        return isinstance(value, int | float) and abs(value - wanted) < NEAR
    return bool(value == wanted)


def _words(pairs: Sequence[Pair]) -> None:
    counts = []
    for label, found in pairs:
        if wanted := label.get("words"):
            read = {word.strip(".,:()").casefold() for word in found.said("on_screen").split()}
            counts.append(sum(word.casefold() in read for word in wanted))
    total = sum(len(label.get("words", ())) for label, _ in pairs)
    Subject("ocr", "words in real photographs").share("recall", sum(counts), total)


def _passages(pairs: Sequence[Pair]) -> None:
    right = []
    for label, found in pairs:
        text = " ".join(found.said("written").split())
        right += [" ".join(phrase.split()) in text for phrase in label.get("phrases", ())]
    Subject("documents", "passages of real documents").share("recall", sum(right), len(right))


def _speech(pairs: Sequence[Pair]) -> None:
    counts = []
    for label, found in pairs:
        if wanted := label.get("speech"):
            words = _bare(wanted)
            counts.append((Levenshtein.distance(words, _bare(found.said("spoken"))), len(words)))
    Subject("speech", "real recordings").error_rate("words wrong", counts)


def _bare(text: str) -> list[str]:
    return ["".join(c for c in word if c.isalnum()) for word in text.casefold().split()]


def _scenes(pairs: Sequence[Pair]) -> None:
    right = [found.scenes == label["cuts"] + 1 for label, found in pairs if "cuts" in label]
    Subject("scenes", "real clips of one shot").share("accuracy", sum(right), len(right))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
