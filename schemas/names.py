"""The closed lists: every state, stage, lane, reason and domain that has a name."""

from enum import StrEnum


class Lane(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Strategy(StrEnum):
    """How the bytes of an asset are read."""

    STREAM = "STREAM"
    CHUNKED = "CHUNKED"
    BATCH = "BATCH"


class Stage(StrEnum):
    SEGMENT = "segment"
    STITCH = "stitch"
    ANALYZE = "analyze"
    EMBED_VISUAL = "embed_visual"
    EMBED_TEXT = "embed_text"
    CHAPTERS = "chapters"


class AssetStatus(StrEnum):
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    COMPLETED = "completed"
    DEGRADED = "degraded"
    FAILED = "failed"


class RunState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    COMPLETED = "completed"
    DEGRADED = "degraded"
    FAILED = "failed"


class PieceState(StrEnum):
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


class Kind(StrEnum):
    """The medium of an asset, as a person filters by it."""

    VIDEO = "video"
    AUDIO = "audio"
    IMAGE = "image"
    DOCUMENT = "document"


class Domain(StrEnum):
    VISUAL = "visual"
    SEMANTIC = "semantic"
    STYLE = "style"
    TECHNICAL = "technical"
    AUDIO = "audio"


class TextSource(StrEnum):
    WRITTEN = "written"
    SPOKEN = "spoken"
    ON_SCREEN = "on_screen"
    TAG = "tag"
    NAME = "name"
    """The name of the file, at its first segment: searched as words, not embedded or analyzed."""


class Consent(StrEnum):
    """What is done only for a tenant that has consented to it."""

    FACES = "faces"


class Reason(StrEnum):
    """Why something could not be processed: shown to people, counted, never free text."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    MEDIA_TYPE_MISMATCH = "media_type_mismatch"
    UNSUPPORTED_CODEC = "unsupported_codec"
    CORRUPT_MEDIA = "corrupt_media"
    NO_DECODABLE_STREAM = "no_decodable_stream"
    EMPTY_MEDIA = "empty_media"
    ENCRYPTED_MEDIA = "encrypted_media"
    ENCRYPTED_DOCUMENT = "encrypted_document"
    ACTIVE_CONTENT = "active_content"
    ARCHIVE_NOT_ACCEPTED = "archive_not_accepted"
    DECODE_LIMIT_EXCEEDED = "decode_limit_exceeded"
    DECODE_TIMEOUT = "decode_timeout"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_OOM = "decoder_oom"
    OBJECT_MISSING = "object_missing"
    INTEGRITY_MISMATCH = "integrity_mismatch"
    ANALYZER_INVALID_OUTPUT = "analyzer_invalid_output"
    EMBEDDING_INVALID = "embedding_invalid"
    SANDBOX_UNAVAILABLE = "sandbox_unavailable"
    MODEL_UNAVAILABLE = "model_unavailable"
    INSUFFICIENT_STORAGE = "insufficient_storage"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    INTERNAL_ERROR = "internal_error"


class LimitName(StrEnum):
    """What a file had too much of, or took too much of."""

    PIXELS = "pixels"
    FRAMES = "frames"
    PAGES = "pages"
    TEXT_BYTES = "text_bytes"
    RATIO = "ratio"
    SEGMENTS = "segments"
    ENTRIES = "entries"
    ARCHIVE_BYTES = "archive_bytes"
    DEPTH = "depth"
    CHANNELS = "channels"
    RATE = "rate"
    METADATA = "metadata"
    STREAMS = "streams"
    DURATION = "duration"
    FPS = "fps"
    PIECES = "pieces"
    FINDINGS = "findings"
    OUTPUT = "output"
    CPU = "cpu"
    WALL = "wall"
    RSS = "rss"
    ADDRESS_SPACE = "address_space"
    MACHINE = "machine"


class Relation(StrEnum):
    SIMILAR_TO = "similar_to"
    NEAR_DUPLICATE_OF = "near_duplicate_of"
    DERIVED_FROM = "derived_from"
    CONTAINS = "contains"


class Undelivered(StrEnum):
    """Why a message became a dead letter."""

    INVALID_ENVELOPE = "invalid_envelope"
    INVALID_EVENT = "invalid_event"
    DEPENDENCY_DOWN = "dependency_down"
    FUNCTION_FAILED = "function_failed"
    UNKNOWN_SOURCE = "unknown_source"
