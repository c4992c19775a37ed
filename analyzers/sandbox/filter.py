"""The seccomp allow-list of a decoder child, as classic BPF.

Everything the child needs is loaded before it is sealed, so no call that opens, connects, executes
or forks is on the list. What is not listed fails with EPERM, which libraries can live with.
"""

import struct
from collections.abc import Callable

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: (x86_64, aarch64); None: does not exist there
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "futex": (202, 98),
    "read": (0, 63),
    "lseek": (8, 62),
    "write": (1, 64),
    "pread64": (17, 67),
    "munmap": (11, 215),
    "brk": (12, 214),
    "madvise": (28, 233),
    "sched_yield": (24, 124),
    "preadv": (295, 69),
    "readv": (19, 65),
    "writev": (20, 66),
    "close": (3, 57),
    "fstat": (5, 80),
    "mremap": (25, 216),
    "sched_getaffinity": (204, 123),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "ppoll": (271, 73),
    "poll": (7, None),
    "pselect6": (270, 72),
    "select": (23, None),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getcpu": (309, 168),
    "get_mempolicy": (239, 236),
    "membarrier": (324, 283),
    "getcwd": (79, 17),
    "dup": (32, 23),
}
MMAP, MPROTECT = (9, 222), (10, 226)
CLONE, CLONE3 = (56, 220), (435, 435)
TGKILL, PRCTL, PRLIMIT = (234, 131), (157, 167), (302, 261)
FCNTL, IOCTL, NEWFSTATAT = (72, 25), (16, 29), (262, 79)
FILES: tuple[tuple[int | None, int | None], ...] = (
    (2, None),  # open
    (257, 56),  # openat
    (217, 61),  # getdents64
    (332, 291),  # statx
    (4, None),  # stat
    (6, None),  # lstat
    (267, 78),  # readlinkat
    (89, None),  # readlink
    (269, 48),  # faccessat
    (439, 439),  # faccessat2
    (21, None),  # access
)

KILL, ERRNO, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
EPERM, EACCES, ENOTTY, ENOSYS = 1, 13, 25, 38
LOAD, EQUAL, ANY_BIT, AT_LEAST, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06

PROT_EXEC = 4
CLONE_THREAD = 0x10000
AT_EMPTY_PATH = 0x1000
X32_CALLS = 0x40000000
HARMLESS_PRCTL = (15, 16, 0x53564D41)  # PR_SET_NAME, PR_GET_NAME, PR_SET_VMA
HARMLESS_FCNTL = (0, 1, 2, 3, 1030)  # DUPFD, GETFD, SETFD, GETFL, DUPFD_CLOEXEC; never SETOWN

Numbers = tuple[int | None, int | None]


def program(machine: str, pid: int) -> bytes:
    """Return the filter for a machine; raise KeyError for one whose calls are not known."""
    return _Assembler(machine).assemble(pid)


class _Assembler:
    def __init__(self, machine: str) -> None:
        self._column = ("x86_64", "aarch64").index(machine) if machine in AUDIT_ARCH else None
        self._arch = AUDIT_ARCH[machine]
        self._x86 = machine == "x86_64"
        self._code: list[bytes] = []

    def assemble(self, pid: int) -> bytes:
        self._prologue()
        for numbers in ALLOWED.values():
            self._case(numbers, self._answer(ALLOW))
        self._case(MMAP, self._not_executable)
        self._case(MPROTECT, self._not_executable)
        self._case(CLONE3, self._answer(ERRNO | ENOSYS))  # glibc falls back to clone on ENOSYS only
        self._case(CLONE, self._threads_only)
        self._case(TGKILL, lambda: self._one_of(0, (pid,)))  # abort() keeps its SIGABRT
        self._case(PRCTL, lambda: self._one_of(0, HARMLESS_PRCTL))
        self._case(FCNTL, lambda: self._one_of(1, HARMLESS_FCNTL))
        self._case(PRLIMIT, self._read_limits_only)
        self._case(IOCTL, self._answer(ERRNO | ENOTTY))
        self._case(NEWFSTATAT, self._by_descriptor_only)
        for numbers in FILES:
            self._case(numbers, self._answer(ERRNO | EACCES))
        self._op(RETURN, ERRNO | EPERM)
        return b"".join(self._code)

    def _prologue(self) -> None:
        self._op(LOAD, 4)
        self._op(EQUAL, self._arch, 1, 0)
        self._op(RETURN, KILL)
        self._op(LOAD, 0)
        if self._x86:
            self._op(AT_LEAST, X32_CALLS, 0, 1)
            self._op(RETURN, KILL)

    def _op(self, code: int, operand: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append(struct.pack("HBBI", code, if_true, if_false, operand & 0xFFFFFFFF))

    def _argument(self, index: int, *, high: bool = False) -> None:
        self._op(LOAD, 16 + 8 * index + (4 if high else 0))

    def _case(self, numbers: Numbers, body: Callable[[], None]) -> None:
        number = numbers[self._column or 0]
        if number is None:
            return
        start = len(self._code)
        self._op(EQUAL, number)
        body()
        skip = len(self._code) - start - 1
        self._code[start] = struct.pack("HBBI", EQUAL, 0, skip, number)

    def _answer(self, verdict: int) -> Callable[[], None]:
        return lambda: self._op(RETURN, verdict)

    def _unless_bit(self, bit: int, refusal: int) -> None:
        self._op(ANY_BIT, bit, 0, 1)
        self._op(RETURN, ERRNO | refusal)
        self._op(RETURN, ALLOW)

    def _if_bit(self, bit: int, refusal: int) -> None:
        self._op(ANY_BIT, bit, 0, 1)
        self._op(RETURN, ALLOW)
        self._op(RETURN, ERRNO | refusal)

    def _not_executable(self) -> None:
        self._argument(2)
        self._unless_bit(PROT_EXEC, EACCES)

    def _threads_only(self) -> None:
        self._argument(0)
        self._if_bit(CLONE_THREAD, EPERM)

    def _by_descriptor_only(self) -> None:
        self._argument(3)  # glibc's fstat()
        self._if_bit(AT_EMPTY_PATH, EACCES)

    def _one_of(self, argument: int, values: tuple[int, ...]) -> None:
        self._argument(argument)
        for value in values:
            self._op(EQUAL, value, 0, 1)
            self._op(RETURN, ALLOW)
        self._op(RETURN, ERRNO | EPERM)

    def _read_limits_only(self) -> None:
        self._argument(2)
        self._op(EQUAL, 0, 0, 3)
        self._argument(2, high=True)
        self._op(EQUAL, 0, 0, 1)
        self._op(RETURN, ALLOW)
        self._op(RETURN, ERRNO | EPERM)
