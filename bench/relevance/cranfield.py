"""The Cranfield collection (Cleverdon 1967): abstracts on aerodynamics, questions, judgements."""

import re
from collections import defaultdict
from pathlib import Path

GRADES = {1: 4, 2: 3, 3: 2, 4: 1}
"""From its codes, 1 a complete answer and 4 of slight interest, to grades."""


def abstracts(folder: Path) -> dict[int, str]:
    """Return title and abstract by number; a few are empty."""
    text = (folder / "cran.all.1400").read_text("latin-1")
    found = {}
    for record in re.split(r"^\.I ", text, flags=re.M)[1:]:
        fields = re.split(r"^\.([TABW])\n", record, flags=re.M)
        named = dict(zip(fields[1::2], fields[2::2], strict=False))
        body = (named.get("W") or named.get("T") or "").strip()
        if body:
            found[int(fields[0])] = body
    return found


def queries(folder: Path) -> list[tuple[str, dict[int, int]]]:
    """Return each question with the grades of the abstracts that answer it."""
    grades: dict[int, dict[int, int]] = defaultdict(dict)
    for line in (folder / "cranqrel").read_text("latin-1").splitlines():
        parts = line.split()
        if len(parts) >= 3 and int(parts[2]) in GRADES:
            grades[int(parts[0])][int(parts[1])] = GRADES[int(parts[2])]
    text = (folder / "cran.qry").read_text("latin-1")
    bodies = re.split(r"^\.I .*\n\.W\n", text, flags=re.M)[1:]
    # judgements count the questions as they stand, not by the numbers printed there
    return [(" ".join(b.split()), grades[n]) for n, b in enumerate(bodies, 1) if grades[n]]
