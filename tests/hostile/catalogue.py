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
