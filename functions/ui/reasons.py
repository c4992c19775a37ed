"""Every state and reason in words, with what a person can do about it."""

from schemas.names import Reason

WORDS = {
    Reason.EMPTY_FILE: "The file has no bytes. Send it again.",
    Reason.TOO_LARGE: "The file is larger than this installation takes. Send a shorter one.",
    Reason.UNSUPPORTED_MEDIA_TYPE: "No analyzer reads this kind of file. Convert it first.",
    Reason.MEDIA_TYPE_MISMATCH: "The content is not what the name says. Rename or export it anew.",
    Reason.UNSUPPORTED_CODEC: "It is coded in a way that is not read here. Convert it first.",
    Reason.CORRUPT_MEDIA: "The file is damaged. Send an intact copy.",
    Reason.NO_DECODABLE_STREAM: "There is no picture or sound in it that can be read.",
    Reason.EMPTY_MEDIA: "The file can be read, but there is nothing in it.",
    Reason.ENCRYPTED_MEDIA: "The file is encrypted. Send it without protection.",
    Reason.ENCRYPTED_DOCUMENT: "The document has a password. Send it without one.",
    Reason.ACTIVE_CONTENT: "The file contains programs and is not opened. Send it without them.",
    Reason.ARCHIVE_NOT_ACCEPTED: "Archives are not opened. Send the files in it.",
    Reason.DECODE_LIMIT_EXCEEDED: "It unfolds to more than the limits allow. Send a smaller one.",
    Reason.DECODE_TIMEOUT: "Reading it took too long. Send a shorter one.",
    Reason.DECODER_CRASHED: "The file made its decoder crash. Export it anew.",
    Reason.DECODER_OOM: "Reading it needed too much memory. Send a smaller one.",
    Reason.OBJECT_MISSING: "Its bytes are gone from the store. Send it again.",
    Reason.INTEGRITY_MISMATCH: "Its bytes changed in the store. Send it again.",
    Reason.ANALYZER_INVALID_OUTPUT: "An analyzer gave an answer that makes no sense.",
    Reason.EMBEDDING_INVALID: "A model gave a vector that makes no sense.",
    Reason.SANDBOX_UNAVAILABLE: "This machine cannot open files safely. See `dataflux doctor`.",
    Reason.MODEL_UNAVAILABLE: "A model is missing here. See `dataflux doctor`.",
    Reason.INSUFFICIENT_STORAGE: "The disk is full. Make room and process it again.",
    Reason.ATTEMPTS_EXHAUSTED: "It failed again and again. Process it once more later.",
    Reason.INTERNAL_ERROR: "A fault of this installation; its log says more.",
}


def words(reason: str | None) -> str:
    """Return a reason as a sentence; an unknown one as it is."""
    if reason is None:
        return ""
    return WORDS[Reason(reason)] if reason in set(Reason) else reason
