"""What is known of a model: its files by checksum, its licence, and how it is fed."""

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from analyzers.models.labels import LABELS
from dataflux.errors import Invalid

Kind = Literal["text-encoder", "dual-encoder", "speech", "detector", "face-detector"]

OPEN_LICENSES = frozenset({"Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0"})
"""SPDX names that are accepted without being asked."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or "\\" in path or {".", ".."} & set(path.split("/")):
        raise ValueError("must be a path inside the model's folder")
    return path


MUST_SAY: Mapping[str, tuple[str, ...]] = {
    "text-encoder": ("dimensions", "text"),
    "dual-encoder": ("dimensions", "text", "image"),
    "detector": ("image", "objects"),
    "face-detector": ("image", "objects"),
}

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,29}$")]
FilePath = Annotated[str, Field(max_length=200), AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+/\S+$", max_length=500)]
Triple = tuple[float, float, float]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class ModelFile(_Frozen):
    """One file of a model; without `url` it can only be brought by hand."""

    path: FilePath
    sha256: Sha256
    size: Annotated[int, Field(ge=1)]
    url: Url | None = None


class Tokens(_Frozen):
    """How a graph takes text: `output` names its result (none: the first), of `pooling`."""

    file: FilePath
    tokenizer: FilePath = "tokenizer.json"
    output: str | None = None
    pooling: Literal["none", "mean", "cls"] = "none"
    length: Annotated[int, Field(ge=2, le=8192)]
    """Tokens of one window, its marks of beginning and end included."""
    fixed: bool = False
    """Always fill up to `length`: the graph attends to the filling."""


class Pixels(_Frozen):
    """How a graph takes a picture: the square it wants, and how it is cut and normalized."""

    file: FilePath
    output: str | None = None
    size: Annotated[int, Field(ge=16, le=1024)]
    resize: Literal["crop", "squash", "pad"] = "crop"
    filter: Literal["bicubic", "bilinear"] = "bicubic"
    mean: Triple = (0.48145466, 0.4578275, 0.40821073)
    std: Triple = (0.26862954, 0.26130258, 0.27577711)


class Objects(_Frozen):
    """How a detector's graph answers, and from which score on it is believed.

    `logits`: logits of classes and boxes (middle, size) of a fixed number of queries, as exported
    from transformers. `labels`: labels, boxes (corners) and scores, as exported by the authors of
    RT-DETR and D-FINE. `yunet`: classes, objectness and boxes on three grids.
    """

    labels: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=60)], ...],
        BeforeValidator(
            lambda given: LABELS.get(given, given) if isinstance(given, str) else given
        ),
        Field(min_length=1, max_length=1000),
    ]
    """By number of class; or the name of a list that is known: coco-80."""
    answers: Literal["logits", "labels", "yunet"] = "logits"
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Calibration(_Frozen):
    """Cosines of random pairs; `match` is that of what just counts as a match, if known."""

    mean: float
    sd: Annotated[float, Field(gt=0)]
    match: float | None = None


class Model(_Frozen):
    """An entry of the catalogue, or the model.json of a model of your own."""

    name: Name
    kind: Kind
    generation: Annotated[str, Field(pattern=r"^[A-Za-z0-9.]{1,20}$")] = "1"
    """Changes when its vectors no longer compare with those of before."""
    license: Annotated[str, Field(min_length=1, max_length=100)]
    card: Url | None = None
    """The page that says what it is and under which terms."""
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]
    dimensions: Annotated[int, Field(ge=1, le=4000)] | None = None
    text: Tokens | None = None
    image: Pixels | None = None
    objects: Objects | None = None
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    """The most that are computed together; 1 where a neighbour would change the result."""
    calibration: Calibration | None = None
    query_calibration: Calibration | None = None
    logit_scale: Annotated[float, Field(gt=0)] | None = None
    """Of a dual encoder: what cosines are multiplied with where texts compete for a picture."""

    @model_validator(mode="after")
    def _says_how_it_is_fed(self) -> Self:
        for field in MUST_SAY.get(self.kind, ()):
            if getattr(self, field) is None:
                raise ValueError(f"a {self.kind} must say its {field}")
        known = {file.path for file in self.files}
        named = {self.text.file, self.text.tokenizer} if self.text else set()
        if missing := sorted((named | ({self.image.file} if self.image else set())) - known):
            raise ValueError(f"files lacks {', '.join(missing)}")
        if len(known) != len(self.files):
            raise ValueError("files names a path twice")
        return self

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def space(self) -> str:
        """The space of its vectors; only encoders have one."""
        modality = "text" if self.kind == "text-encoder" else "visual"
        return f"{modality}/{self.name}@{self.generation}"

    @property
    def label(self) -> str:
        """What results say of it: its name, and the beginning of a hash of all its files."""
        together = hashlib.sha256("".join(sorted(f.sha256 for f in self.files)).encode())
        return f"{self.name}#{together.hexdigest()[:8]}"

    def file(self, path: str) -> ModelFile:
        return next(file for file in self.files if file.path == path)


def read(raw: bytes, origin: str) -> Model:
    """Read a manifest; raise Invalid that names every bad field."""
    try:
        return Model.model_validate_json(raw)
    except ValidationError as error:
        fields = {".".join(map(str, e["loc"])) or "model": e["msg"] for e in error.errors()}
        listed = "; ".join(f"{name}: {problem}" for name, problem in fields.items())
        raise Invalid(f"{origin} is no manifest of a model: {listed}", fields) from None
