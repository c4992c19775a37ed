"""Runs a server as its child and stops it when its own standard input ends: when its owner dies.

A program of its own that imports nothing of DataFlux: it starts in milliseconds.
"""

import os
import signal
import subprocess
import sys
import threading

PATIENCE_S = 10.0
"""A fast shutdown takes far less; after this the server is told to quit without a checkpoint."""


def main(user: str, *command: str) -> int:
    """Run `command` (as `user`, unless empty) until it ends or the standard input does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        user=user or None,
        group=user or None,
        extra_groups=[] if user else None,
    )
    threading.Thread(target=stop_at_end_of_input, args=(child,), daemon=True).start()
    return child.wait()


def stop_at_end_of_input(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 1):
        pass
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        child.send_signal(kind)
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
