"""Runs a server as its child and stops it when its own standard input ends: when its owner dies.

A program of its own that imports nothing of DataFlux: it starts in milliseconds.
"""

import os
import select
import signal
import subprocess
import sys
import threading

POLL_S = 1.0


def main(owner: str, user: str, patience_s: str, *command: str) -> int:
    """Run `command` (as `user`, unless empty) until it ends or its owner tells it to, or dies.

    What it has forked and left in our process group ends with it.
    """
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, lambda *_: None)  # SIG_IGN would be inherited by the child
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        user=user or None,
        group=user or None,
        extra_groups=[] if user else None,
    )
    told = (child, int(owner), float(patience_s))
    threading.Thread(target=stop_with_owner, args=told, daemon=True).start()
    code = child.wait()
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # us, too: nothing is left to do
    return code


def stop_with_owner(child: "subprocess.Popen[bytes]", owner: int, patience_s: float) -> None:
    """Stop the child at the first byte or the end of the standard input.

    A copy of the pipe may live on in a process that the owner forked, hence the look at our parent.
    """
    while not select.select([0], [], [], POLL_S)[0] and os.getppid() == owner:
        pass
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        child.send_signal(kind)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
