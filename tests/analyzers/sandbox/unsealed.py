"""Run in a process of its own: a kernel that grants no seal, as a container or a Mac may not.

Prints what a sandbox does there, without and with the demand to be sealed.
"""

import ctypes
import json
import os
import struct

from analyzers.registry import Registry
from analyzers.sandbox import Sandbox
from analyzers.sandbox.seal import no_new_privileges
from dataflux.errors import MediaFailed
from tests.analyzers.sandbox.held import Held
from tests.analyzers.sandbox.rogues import ENTRIES

# the calls of both machines' tables: (x86_64, aarch64)
Calls = tuple[tuple[int, int], ...]
PRCTL = (157, 167)
SECCOMP: Calls = ((317, 277),)
NAMESPACES: Calls = ((272, 97), (268, 308), (165, 40), (435, 435))
"""unshare, setns, mount, clone3: what a container without user namespaces refuses."""
LANDLOCK: Calls = ((444, 444), (445, 445), (446, 446))
LOAD, EQUAL, RETURN, ALLOW, REFUSE = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050001
NOT_THERE = 0x00050026
PR_SET_SECCOMP = 22


def refuse(calls: Calls, *, filters: bool = False) -> None:
    """Have this process and its children refused some calls; with `filters`, a filter as well."""
    column = ("x86_64", "aarch64").index(os.uname().machine)
    code = [_op(LOAD, 0)]
    for numbers in calls:
        verdict = NOT_THERE if numbers == (435, 435) else REFUSE  # glibc then falls back
        code += [_op(EQUAL, numbers[column], 0, 1), _op(RETURN, verdict)]
    if filters:
        code += [_op(EQUAL, PRCTL[column], 0, 3), _op(LOAD, 16), _op(EQUAL, PR_SET_SECCOMP, 0, 1)]
        code += [_op(RETURN, REFUSE)]
    code += [_op(RETURN, ALLOW)]
    program = b"".join(code)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(buffer))
    no_new_privileges()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), described, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def refuse_all_seals() -> None:
    refuse((*SECCOMP, *NAMESPACES, *LANDLOCK), filters=True)


def _op(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, operand)


def outcome(*, require_seal: bool) -> dict[str, object]:
    sandbox = Sandbox(Registry(ENTRIES), require_seal=require_seal)
    try:
        found = list(sandbox.extract(Held(b"echo: x"), "rogue", None, {}))
        return {"found": len(found), "level": sandbox.level()}
    except MediaFailed as failed:
        return {"reason": failed.reason, "detail": failed.detail}
    finally:
        sandbox.close()


if __name__ == "__main__":
    refuse_all_seals()
    print(json.dumps([outcome(require_seal=demanded) for demanded in (False, True)]))
