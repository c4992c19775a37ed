"""What a decoder child does to itself before it touches hostile bytes (Linux, stdlib only).

Order: namespaces (in the zygote, while it has one thread), then in the child rlimits, no new
privileges, capabilities, Landlock and seccomp, which forbids the rest and so comes last. Each layer
reports what it achieved; the seccomp filter is the boundary, the others stand behind it.
"""

import ctypes
import os
import resource
import struct
from collections.abc import Callable, Collection

from analyzers.sandbox.filter import program

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP = 1, 4, 22
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
CLONE_NEWIPC, CLONE_NEWUTS = 0x08000000, 0x04000000
LANDLOCK_CREATE, LANDLOCK_RESTRICT = 444, 446  # the same numbers on every architecture
CAPSET = {"x86_64": 126, "aarch64": 91}

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, *arguments: int) -> None:
    """Call prctl(2); raise OSError if it is refused."""
    padded = (option, *arguments, 0, 0, 0, 0)[:5]
    if _libc.prctl(*(ctypes.c_ulong(value) for value in padded)) < 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def die_with_parent(signal: int) -> None:
    prctl(PR_SET_PDEATHSIG, signal)


def no_new_privileges() -> None:
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def namespaces() -> str:
    """Enter an empty network namespace, through a user namespace where that is allowed."""
    for flags, name in (
        (CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, "user+net"),
        (CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, "net"),
    ):
        if _libc.unshare(flags) == 0:
            return name
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def seal(*, keep: Collection[int], memory: int, cpu_s: int) -> dict[str, str]:
    """Apply every layer that this kernel grants; return {layer: what it achieved}."""
    _close_all_but({0, 1, 2, *keep})
    got: dict[str, str] = {}
    _try(got, "rlimits", lambda: _rlimits(memory, cpu_s))
    _try(got, "no_new_privs", _no_way_back)
    _try(got, "capabilities", _drop_capabilities)
    _try(got, "landlock", _landlock)
    _try(got, "seccomp", _seccomp)
    return got


def _try(got: dict[str, str], layer: str, apply: Callable[[], str]) -> None:
    try:
        got[layer] = apply()
    except (OSError, ValueError, AttributeError, KeyError) as error:  # no Linux, or it refuses
        got[layer] = f"refused: {error}"


def _close_all_but(keep: set[int]) -> None:
    low = 0
    for fd in sorted(keep):
        if fd > low:  # closerange(0, 0) would close everything
            os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 4096)


def _rlimits(memory: int, cpu_s: int) -> str:
    """Bound what can be taken. Not the number of processes: that counts all of the user's, and
    a busy user's decoder could start no thread; no process can be forked past seccomp."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 2))
    limits = {"CORE": 0, "FSIZE": 0, "NOFILE": 64, "MEMLOCK": 0, "AS": memory}
    refused = [name for name, most in limits.items() if not _bound(name, most)]
    granted = f"memory {memory >> 20} MiB, cpu {cpu_s} s"
    return f"{granted}; refused: {', '.join(refused)}" if refused else granted


def _bound(name: str, most: int) -> bool:
    """Lower one limit, if this system knows it: macOS refuses to bound the address space."""
    try:
        which = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(which)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _no_way_back() -> str:
    prctl(PR_SET_DUMPABLE, 0)  # siblings of the same user cannot read our memory
    no_new_privileges()
    return "set"


def _drop_capabilities() -> str:
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break
    header = struct.pack("Ii", 0x20080522, 0)
    _syscall(CAPSET[os.uname().machine], header, struct.pack("6I", *[0] * 6))
    return "dropped"


def _landlock() -> str:
    """Deny every file access, TCP, and signals out of the domain, as far as this kernel knows."""
    abi = _libc.syscall(ctypes.c_long(LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if abi < 1:
        raise OSError(ctypes.get_errno(), "no Landlock in this kernel")
    files = (1 << 13) - 1
    for bit, since in ((13, 2), (14, 3), (15, 5)):
        files |= (1 << bit) if abi >= since else 0
    rules = struct.pack("QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    rules = rules[: 8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = _syscall(LANDLOCK_CREATE, rules, len(rules), 0)
    _syscall(LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)
    return f"abi {abi}"


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _seccomp() -> str:
    code = program(os.uname().machine, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    described = _Program(len(code) // 8, ctypes.addressof(buffer))
    mode_filter = 2
    if _libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(mode_filter), ctypes.byref(described), 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return f"{len(code) // 8} instructions"


def _syscall(number: int, *arguments: int | bytes) -> int:
    passed = (a if isinstance(a, bytes) else ctypes.c_void_p(a) for a in arguments)
    result: int = _libc.syscall(ctypes.c_long(number), *passed)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
