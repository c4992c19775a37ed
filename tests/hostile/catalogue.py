"""Every hostile file, by the number that it has in our catalogue of bad media."""

from tests.hostile import archives, films, papers, pictures, sounds, texts

CASES = (
    *pictures.CASES,
    *films.CASES,
    *sounds.CASES,
    *papers.CASES,
    *archives.CASES,
    *texts.CASES,
)
HEAVY = frozenset(
    {
        "ten minutes of silence",
        "drawings of ten drawings, forty times",
        "a drawing that draws itself",
        "two million orders to draw",
        "a page of JBIG2 without bounds",
        "Flate in Flate in Flate, 32 MiB",
        "6000 sheets",
        "5000 entries of the same bytes",
        "archives in archives",
        "an animation of 100000 frames",
        "10000 directories",
        "100000 streams",
        "48 MiB of fonts attached",
        "blocks that unfold a thousandfold",
        "a line of 3 MB",
        "a word of 3 MB",
        "100000 columns",
        "200000 joined lines",
        "brackets in brackets",
    }
)
"""What takes more than half a second of CPU to make or to read."""
