"""What it means that a child has ended without saying so itself."""

import os
import signal

from analyzers.sandbox.zygotes import Job
from dataflux.errors import DataFluxError, MediaFailed, Unavailable
from schemas.names import Reason

OUT_OF_MEMORY = 3
"""How a child exits that has no memory left to say so."""


def verdict(job: Job) -> DataFluxError:
    """Return what to raise for a job whose child is gone.

    The end of a zygote is nobody's file: the job is to be tried again.
    """
    if job.refused is not None:
        return Unavailable(f"sandbox: no child could be started: {job.refused}; try again")
    if job.status is None:
        return Unavailable("sandbox: the zygote has gone and its children with it; try again")
    if os.WIFSIGNALED(job.status):
        return _killed(os.WTERMSIG(job.status))
    code = os.WEXITSTATUS(job.status)
    if code == OUT_OF_MEMORY:
        return MediaFailed(Reason.DECODER_OOM, "out of memory", limit="address_space")
    return MediaFailed(Reason.DECODER_CRASHED, f"it left without an answer (exit {code})")


def _killed(number: int) -> MediaFailed:
    match number:
        case signal.SIGXCPU:
            return MediaFailed(Reason.DECODE_TIMEOUT, "took too much CPU time", limit="cpu")
        case signal.SIGKILL:  # not by us: the kernel was out of memory
            return MediaFailed(Reason.DECODER_OOM, "killed by the kernel", limit="machine")
    return MediaFailed(Reason.DECODER_CRASHED, _name(number))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
