"""A Whisper of the real architecture with random weights: it hears nonsense, in the right form."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, MELS, SOUND, TEXT = 32, 2, 80, 1500, 448
LANGUAGES = ("en", "de", "fr")
SAYS = ("the", "lighthouse", "keeper", "counts", "gulls", "while", "otters", "sleep")
WORDS = tuple(f"Ġ{word}" for word in SAYS)


def vocabulary() -> list[str]:
    """Return Whisper's order: words, the marks, then every time from 0 to 30 s."""
    marks = ["endoftext", "startoftranscript", *LANGUAGES, "translate", "transcribe"]
    marks += ["startoflm", "startofprev", "nospeech", "notimestamps"]
    times = [f"{number * 0.02:.2f}" for number in range(1501)]
    return [*spoken(), *(f"<|{name}|>" for name in (*marks, *times))]


def spoken() -> list[str]:
    """Return some words, and the bytes that any other text is made of."""
    from tokenizers import pre_tokenizers

    return [*WORDS, *sorted(pre_tokenizers.ByteLevel.alphabet())]


def write(folder: Path, seed: int) -> None:
    """Write the files of a CTranslate2 Whisper into a folder."""
    from ctranslate2.specs import WhisperSpec

    rng, tokens = np.random.default_rng(seed), vocabulary()
    spec = WhisperSpec(1, HEADS, 1, HEADS)
    for layer, (name, shape) in _shapes(spec, len(tokens)):
        values = rng.normal(0, 0.3, shape) if len(shape) > 1 else np.zeros(shape)
        setattr(layer, name, np.ones(shape, np.float32) if name == "gamma" else values.astype("f4"))
    spec.register_vocabulary(tokens)
    begin = tokens.index("<|en|>")
    spec.config.lang_ids = list(range(begin, begin + len(LANGUAGES)))
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.index("<|endoftext|>")]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    _tokenizer(tokens).save(str(folder / "tokenizer.json"))


def _shapes(spec: Any, size: int) -> Iterator[tuple[Any, tuple[str, tuple[int, ...]]]]:
    encoder, decoder, d = spec.encoder, spec.decoder, WIDTH
    for conv, before in ((encoder.conv1, MELS), (encoder.conv2, d)):
        yield conv, ("weight", (d, before, 3))
        yield conv, ("bias", (d,))
    yield encoder.position_encodings, ("encodings", (SOUND, d))
    yield decoder.position_encodings, ("encodings", (TEXT, d))
    yield decoder.embeddings, ("weight", (size, d))
    yield decoder.projection, ("weight", (size, d))
    (heard,), (said,) = encoder.layer, decoder.layer
    norms = [encoder.layer_norm, decoder.layer_norm, said.attention.layer_norm]
    linear = [
        (said.attention.linear[0], d, d),
        (said.attention.linear[1], 2 * d, d),
        (said.attention.linear[2], d, d),
    ]
    for layer in (heard, said):
        norms += [layer.self_attention.layer_norm, layer.ffn.layer_norm]
        linear += [(layer.self_attention.linear[0], 3 * d, d)]
        linear += [(layer.self_attention.linear[1], d, d)]
        linear += [(layer.ffn.linear_0, 4 * d, d), (layer.ffn.linear_1, d, 4 * d)]
    for norm in norms:
        yield norm, ("gamma", (d,))
        yield norm, ("beta", (d,))
    for each, after, before in linear:
        yield each, ("weight", (after, before))
        yield each, ("bias", (after,))


def _tokenizer(tokens: list[str]) -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    made = Tokenizer(models.BPE(vocab={word: at for at, word in enumerate(spoken())}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token) for token in tokens[len(spoken()) :]])
    return made
