"""How right chapters are found, on texts whose parts are known.

    python bench/chapters.py FOLDER

FOLDER has files like those of Choi's collection (NAACL 2000): one sentence a line, parts divided by
lines of "==========". Printed is, for each folder of them, the mean Pk (Beeferman et al. 1999: how
often two places half a part away from each other are wrongly said to be in one part, or not; 0 is
right, about 0.5 is chance), next to that of no cut at all and of cuts at even distances.
"""

import sys
import time
from collections import defaultdict
from pathlib import Path
from statistics import mean

from analyzers.text.chapters import _terms, cheapest

MARK = "=========="


def read(path: Path) -> tuple[list[str], list[int]]:
    """Return the sentences, and where parts begin."""
    sentences: list[str] = []
    begins = []
    for line in path.read_text("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            begins.append(len(sentences))
        elif line.strip():
            sentences.append(line)
    return sentences, sorted({0, *(b for b in begins if b < len(sentences))})


def pk(truth: list[int], found: list[int], length: int) -> float:
    """Return the share of places at half a part's distance that are wrongly parted or joined."""
    distance = max(2, round(length / len(truth) / 2))

    def part(begins: list[int], place: int) -> int:
        return sum(begin <= place for begin in begins)

    wrong = [
        (part(truth, at) == part(truth, at + distance))
        != (part(found, at) == part(found, at + distance))
        for at in range(length - distance)
    ]
    return mean(wrong)


def main(folder: Path) -> None:
    scores: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    before = time.process_time()
    for path in sorted(folder.rglob("*.ref")):
        sentences, truth = read(path)
        found = cheapest([_terms(s, "en") for s in sentences])[:-1]
        even = [round(n * len(sentences) / len(truth)) for n in range(len(truth))]
        errors = [pk(truth, cuts, len(sentences)) for cuts in (found, [0], even)]
        scores[path.parent.name].append((*errors, len(truth), len(found)))
    for name, rows in scores.items():
        ours, none, even, parts, said = (mean(column) for column in zip(*rows, strict=True))
        print(
            f"{name:8} {len(rows):4} texts  Pk {ours:.3f}  no cut {none:.3f}  even {even:.3f}"
            f"  parts {parts:.1f}, found {said:.1f}"
        )
    print(f"{time.process_time() - before:.1f} CPU seconds")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
