"""Where the encoders of models compute."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dataflux.errors import Invalid

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
GPU_BATCH = 32


def onnxruntime() -> Any:
    """Return the module; from 1.29 on it would tell its maker of every session."""
    import onnxruntime as ort

    ort.disable_telemetry_events()
    return ort


@dataclass(frozen=True, slots=True)
class Runtime:
    """`device` is auto, cpu or cuda; `threads` are of the processor."""

    device: str = "auto"
    threads: int = 1

    def providers(self) -> list[str]:
        """Return onnxruntime's providers, the wanted one first; raise Invalid without a GPU."""
        has_gpu = CUDA in onnxruntime().get_available_providers()
        if self.device == "cuda" and not has_gpu:
            raise Invalid(
                "DATAFLUX_DEVICE is cuda, but this onnxruntime has no CUDA; pip uninstall"
                " onnxruntime, then pip install onnxruntime-gpu"
            )
        return [CUDA, CPU] if has_gpu and self.device != "cpu" else [CPU]

    def on_gpu(self, has_gpu: Callable[[], bool]) -> bool:
        """Return whether a library of its own computes on a GPU; it says whether it finds one."""
        return self.device == "cuda" or (self.device == "auto" and has_gpu())

    def batch(self, most: int) -> int:
        """Return how many inputs to compute at a time: more on a GPU, if that changes nothing."""
        return max(GPU_BATCH, most) if most > 1 and self.providers()[0] == CUDA else most

    def workers(self) -> int:
        """Return how many runs go side by side; on a GPU a second one prepares its batch."""
        return 2 if self.providers()[0] == CUDA else self.threads
