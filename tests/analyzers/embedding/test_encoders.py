"""Encoders with a model: pictures meet words, whoever decodes; the fallback stands back."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analyzers.api import Embedding, Encoder, Segment, Text
from analyzers.contract import EmbedderContract
from analyzers.embedding import pixels
from analyzers.embedding.encoders import PictureEncoder
from analyzers.models.brought import add
from analyzers.models.manifest import Model, Pixels
from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import NO_MODELS, Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Sandbox
from dataflux.errors import Invalid, MediaFailed
from schemas.names import Reason
from tests.fixtures.models import picture_of
from tests.models.shapes import COLORS, SHAPES, drawn_from

ENTRY = "analyzers.embedding.encoders:PictureEncoder#tiny-dual"


def shown(data: bytes, key: str = "picture") -> Segment:
    return Segment("image", {}, {}, key=key, renditions={"keyframe": data})


class TestPictureEncoder(EmbedderContract):
    entry = ENTRY

    @pytest.fixture
    def sandbox(self, tiny_sandbox: Sandbox) -> Sandbox:
        return tiny_sandbox

    @pytest.fixture(autouse=True)
    def _store(self, tiny_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        only = Registry((ENTRY,), store=tiny_registry.store)
        monkeypatch.setattr(type(self), "registry", staticmethod(lambda: only))

    @pytest.fixture
    def samples(self) -> Sequence[Segment]:
        return [
            shown(picture_of("red", "circle", "white", 1), "a"),
            shown(picture_of("blue", "cross", "yellow", 2), "b"),
        ]


def encoder_of(registry: Registry) -> Encoder:
    found = registry.get("visual-tiny-dual")
    assert isinstance(found, Encoder)
    return found


def cosine(one: Embedding | None, other: Embedding | None) -> float:
    assert one is not None
    assert other is not None
    return float(np.dot(one.vector, other.vector))


def test_it_knows_what_is_shown(tiny_registry: Registry, tiny_sandbox: Sandbox) -> None:
    """Of 120 new pictures, each caption of colour and shape is nearest to a picture of it."""
    rng, encoder = random.Random(99), encoder_of(tiny_registry)
    drawn = [drawn_from(rng) for _ in range(120)]
    pictures = [
        shown(picture_of(str(d.color), str(d.shape), str(d.ground), at), str(at))
        for at, d in enumerate(drawn)
    ]
    vectors = [found[0] for found in tiny_sandbox.embed(pictures, encoder.spec.id)]
    there = {(d.color, d.shape) for d in drawn}
    right = sum(
        (drawn[best].color, drawn[best].shape) == (color, shape)
        for color, shape in there
        for asked in [encoder.embed_query(f"a {color} {shape}")]
        for best in [max(range(120), key=lambda at: cosine(asked, vectors[at]))]
    )
    assert len(there) > len(COLORS) * len(SHAPES) / 2
    assert right / len(there) > 0.95


def test_a_query_picture_is_decoded_in_the_child(
    tiny_registry: Registry, tiny_sandbox: Sandbox
) -> None:
    name = encoder_of(tiny_registry).spec.id
    picture = picture_of("green", "square", "black", 5)
    ((indexed,),) = tiny_sandbox.embed([shown(picture)], name)
    assert cosine(tiny_sandbox.embed_query(name, picture), indexed) == pytest.approx(1, abs=1e-4)
    with pytest.raises(MediaFailed):
        tiny_sandbox.embed_query(name, b"\xff\xd8\xff no picture")


def test_what_no_child_could_have_prepared_is_refused(tiny_registry: Registry) -> None:
    encoder = encoder_of(tiny_registry)
    with pytest.raises(MediaFailed, match="another size"):
        encoder.encode([b"too short"])


def test_its_spec_is_of_its_model(tiny_registry: Registry) -> None:
    spec = encoder_of(tiny_registry).spec
    assert (spec.id, spec.dimensions) == ("visual-tiny-dual@1", 64)
    assert spec.model == tiny_registry.store.get("tiny-dual").label
    assert spec.emits == ("visual/tiny-dual@1",)


def test_the_fallback_makes_no_new_vectors_but_is_still_searched(tiny_registry: Registry) -> None:
    assert [a.spec.name for a in tiny_registry.writers("visual")] == ["visual-tiny-dual"]
    assert [a.spec.name for a in tiny_registry.embedders("visual")] == [
        "visual-tiny-dual",
        "visual-fallback",
    ]
    assert [a.spec.name for a in tiny_registry.writers("text")] == ["text-fallback"]


@pytest.mark.parametrize(
    ("wanted", "writes"),
    [
        ("auto", "visual-tiny-dual"),
        ("tiny-dual", "visual-tiny-dual"),
        ("fallback", "visual-fallback"),
    ],
)
def test_settings_choose(tiny_store: ModelStore, wanted: str, writes: str) -> None:
    chosen = Registry.load(models=Selection(tiny_store, visual_model=wanted))
    assert [a.spec.name for a in chosen.writers("visual")] == [writes]


def test_a_model_that_is_not_here_is_named_with_the_mend(tiny_store: ModelStore) -> None:
    with pytest.raises(Invalid, match=r"DATAFLUX_TEXT_MODEL is 'minilm'.*models pull minilm"):
        Registry.load(models=Selection(tiny_store, text_model="minilm"))


def test_without_a_store_nothing_changes() -> None:
    plain = Registry.load(models=Selection(NO_MODELS))
    assert plain.entries == Registry().entries
    assert plain.retired == set()


def test_a_gpu_that_is_not_there_is_said_and_not_guessed() -> None:
    assert Runtime("auto", 3).providers() == ["CPUExecutionProvider"]
    assert (Runtime("auto", 3).workers(), Runtime("auto", 3).batch(8)) == (3, 8)
    with pytest.raises(Invalid, match="pip install onnxruntime-gpu"):
        Runtime("cuda").providers()


def test_a_changed_model_computes_nothing(tiny_store: ModelStore, tmp_path: Path) -> None:
    model = tiny_store.get("tiny-dual")
    copied = ModelStore(tmp_path)
    add(copied, model, tiny_store.folder / model.name)
    (tmp_path / "tiny-dual/vision.onnx").write_bytes(b"another model")
    encoder = PictureEncoder(copied, model, Runtime())
    with pytest.raises(MediaFailed, match="dataflux models pull") as caught:
        encoder.encode([bytes(64 * 64 * 3)])
    assert caught.value.reason is Reason.MODEL_UNAVAILABLE


def test_a_text_is_cut_into_windows_and_none_is_lost(tiny_store: ModelStore) -> None:
    """The text tower alone, as a text encoder: a word far behind still turns the vector."""
    dual = tiny_store.get("tiny-dual")
    model: Model = dual.model_copy(update={"kind": "text-encoder"})
    from analyzers.embedding.encoders import TextEncoder

    encoder = TextEncoder(tiny_store, model, Runtime("cpu", 2))
    long = Segment("page", {}, {}, texts=[Text("written", "a red circle " * 20)])
    other = Segment("page", {}, {}, texts=[Text("written", "a red circle " * 20 + "blue " * 60)])
    (one,), (same,), (turned,) = (encoder.generate_embeddings(s) for s in (long, long, other))
    assert one.space == "text/tiny-dual@1"
    assert cosine(one, same) == pytest.approx(1, abs=1e-5)
    assert cosine(one, turned) < 0.95
    assert encoder.prepare(Segment("page", {}, {}, texts=[Text("written", " \n")])) is None
    assert encoder.embed_query("  ") is None
    assert encoder.encode([]) == []


def test_squares_are_cut_and_rounded_as_open_clip_does() -> None:
    """The middle square of the short side; the steps of torchvision on Pillow, written out."""
    how = Pixels(file="v", size=32)
    image = Image.effect_noise((90, 61), 80).convert("RGB").resize((131, 61))
    resized = image.resize((int(32 * 131 / 61), 32), Image.Resampling.BICUBIC)
    left = round((resized.width - 32) / 2.0)
    expected = resized.crop((left, 0, left + 32, 32))
    made = pixels.prepared(image, how)
    assert made == expected.tobytes()
    assert len(made) == pixels.length(how)
    values = (np.asarray(expected, np.float32) / 255 - np.array(how.mean)) / np.array(how.std)
    assert np.allclose(pixels.normalized([made], how)[0], values.transpose(2, 0, 1), atol=1e-6)
    squash = how.model_copy(update={"resize": "squash"})
    assert pixels.prepared(image, squash) == image.resize((32, 32), 3).tobytes()


def test_one_by_one_is_the_same_as_together(tiny_registry: Registry) -> None:
    encoder = encoder_of(tiny_registry)
    rng = np.random.default_rng(1)
    squares = [rng.integers(0, 256, 64 * 64 * 3, np.uint8).tobytes() for _ in range(20)]
    together = np.array(encoder.encode(squares))
    alone = np.array([encoder.encode([square])[0] for square in squares])
    assert np.abs(together - alone).max() < 1e-5


def test_a_model_that_gives_no_numbers_is_a_failure(tiny_sandbox: Sandbox) -> None:
    from analyzers.sandbox import answers

    spec = replace(tiny_sandbox._registry.get("visual-tiny-dual").spec, dimensions=2)
    assert answers.encoded([[1.0, 0.0]], spec)
    for vector in ([float("nan"), 0.0], [0.0, 0.0], [1.0], [3.0, 4.0]):
        with pytest.raises(MediaFailed) as caught:
            answers.encoded([vector], spec)
        assert caught.value.reason is Reason.EMBEDDING_INVALID
