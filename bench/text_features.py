"""How right names, keywords and sentiment are, on public sets that nothing here was fitted to.

The sets are not shipped: give the paths of what you have.
  --names FILE      tokens with BIO tags, as WNUT-17 and WikiANN have them (F1 of whole names)
  --keywords FOLDER docsutf8/*.txt and keys/*.key, as the sets of LIAAD have them (F1 of ten)
  --sentiment FILE  id, mean rating from -4 to 4 and text, as those of VADER's authors
"""

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import snowballstemmer

from analyzers.text import keywords, names, sentiment

KINDS = {
    "per": "persons",
    "person": "persons",
    "loc": "places",
    "location": "places",
    "org": "organisations",
    "corporation": "organisations",
    "group": "organisations",
}
MOST_SENTENCES = 2_000
NEUTRAL = 0.5
"""Mean ratings closer to 0 are neither good nor bad."""

Name = tuple[str, str]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("names", "keywords", "sentiment"):
        options.add_argument(f"--{name}", type=Path, nargs="*", default=[])
    chosen = options.parse_args()
    print(f"spacy {version('spacy')}, {names.MODEL}; vaderSentiment {version('vaderSentiment')}")
    for path in chosen.names:
        _names(path)
    for path in chosen.keywords:
        _keywords(path)
    for path in chosen.sentiment:
        _sentiment(path)


def _names(path: Path) -> None:
    sentences = list(_tagged(path))
    random.Random(1).shuffle(sentences)
    scores: dict[str, Counter[str]] = {}
    start, characters = time.process_time(), 0
    for text, wanted in sentences[:MOST_SENTENCES]:
        characters += len(text)
        found = {(kind, name) for kind, every in names.names(text).items() for name in every}
        for kind in set(KINDS.values()):
            count = scores.setdefault(kind, Counter())
            one, other = ({name for name in pair if name[0] == kind} for pair in (wanted, found))
            count.update(hits=len(one & other), wanted=len(one), found=len(other))
    spent = 1000 * (time.process_time() - start) / characters * 1000
    scores["all"] = sum(scores.values(), Counter())
    for kind, count in sorted(scores.items()):
        print(f"  names, {path.name}, {kind}: {_shown(count)}")
    print(f"  names, {path.name}: {spent:.1f} ms of CPU a thousand characters")


def _tagged(path: Path) -> Iterator[tuple[str, set[Name]]]:
    """Yield the sentences of a file with the names of our kinds in them."""
    words: list[tuple[str, str]] = []
    for line in [*path.read_text("utf-8").split("\n"), ""]:
        parts = line.split()
        if len(parts) >= 2:
            words.append((parts[0].removeprefix("en:"), parts[-1]))
        elif words:
            yield " ".join(word for word, _ in words), set(_chunks(words))
            words = []


def _chunks(words: Sequence[tuple[str, str]]) -> Iterator[Name]:
    taken: list[str] = []
    kind: str | None = None
    for word, tag in [*words, ("", "O")]:
        if taken and not tag.startswith("I-"):
            if kind:
                yield kind, names._bare(" ".join(taken))
            taken = []
        if tag.startswith("B-"):
            kind, taken = KINDS.get(tag[2:].lower()), [word]
        elif tag.startswith("I-") and taken:
            taken.append(word)


def _keywords(path: Path) -> None:
    stem = snowballstemmer.stemmer("english")
    count: Counter[str] = Counter()

    def stemmed(phrase: str) -> str:
        return " ".join(stem.stemWords(phrase.casefold().split()))

    for document in sorted((path / "docsutf8").glob("*.txt")):
        keys = (path / "keys" / f"{document.stem}.key").read_text("utf-8", "replace").split("\n")
        wanted = {stemmed(key) for key in keys if key.strip()}
        text = document.read_text("utf-8", "replace")
        found = {stemmed(phrase) for phrase in keywords.keywords(text, "en")}
        count.update(hits=len(wanted & found), wanted=len(wanted), found=len(found))
    print(f"  keywords, {path.name}: {_shown(count)}")


def _sentiment(path: Path) -> None:
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    sides: Counter[str] = Counter()
    for line in path.read_text("utf-8", "replace").split("\n"):
        parts = line.split("\t")
        if len(parts) < 3:
            continue
        rating, value = float(parts[1]), sentiment.score(parts[2])
        wanted = sentiment.label(0.0 if abs(rating) < NEUTRAL else rating)
        label = sentiment.label(value)
        sure = f"{label}, confidence {sentiment.confidence(value):.1f}"
        said[sure] += 1
        right[sure] += label == wanted
        sides["said"] += label != "neutral"
        sides["same side"] += label != "neutral" and value * rating > 0
    total = said.total()
    print(f"  sentiment, {path.name}: {right.total() / total:.2f} right of three, of {total} texts")
    print(f"    {sides['same side'] / sides['said']:.2f} on the right side of zero if not neutral")
    for sure in sorted(said):
        print(f"    {sure}: {right[sure] / said[sure]:.2f} right, of {said[sure]}")


def _shown(count: Counter[str]) -> str:
    precision = count["hits"] / max(1, count["found"])
    recall = count["hits"] / max(1, count["wanted"])
    f1 = 2 * count["hits"] / max(1, count["found"] + count["wanted"])
    return f"F1 {f1:.2f}, precision {precision:.2f}, recall {recall:.2f}, of {count['wanted']}"


if __name__ == "__main__":
    main()
