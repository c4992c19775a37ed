"""The zygotes that this process has started."""

import psutil


def zygotes() -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive=True) if _is(process)]


def _is(process: psutil.Process) -> bool:
    try:
        return any("zygote.py" in part for part in process.cmdline())
    except psutil.NoSuchProcess:  # a child of another test that has ended, and that nobody awaits
        return False
