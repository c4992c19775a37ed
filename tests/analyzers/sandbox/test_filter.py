"""The filter's verdict on calls, for both machines, by running its program as the kernel would."""

import errno
import struct
from collections.abc import Mapping

import pytest
from _pytest.mark import ParameterSet

from analyzers.sandbox.filter import (
    ALLOW,
    ALLOWED,
    AUDIT_ARCH,
    CLONE,
    CLONE3,
    ERRNO,
    FCNTL,
    FILES,
    IOCTL,
    KILL,
    MMAP,
    MPROTECT,
    NEWFSTATAT,
    PRCTL,
    PRLIMIT,
    TGKILL,
    Numbers,
    program,
)

PID = 4321
MACHINES = tuple(AUDIT_ARCH)
REFUSED: dict[str, Numbers] = {
    "socket": (41, 198),
    "connect": (42, 203),
    "sendmsg": (46, 211),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "pidfd_open": (434, 434),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "memfd_create": (319, 279),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "openat2": (437, 437),
    "pkey_mprotect": (329, 288),
    "personality": (135, 92),
    "seccomp": (317, 277),
    "setrlimit": (160, 164),
    "ftruncate": (77, 46),
    "unlinkat": (263, 35),
}


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """Run the program on one call."""
    padded = (*arguments, 0, 0, 0, 0, 0, 0)[:6]
    data = struct.pack("IIQ6Q", number, arch or AUDIT_ARCH[machine], 0, *padded)
    code = list(struct.iter_unpack("HBBI", program(machine, PID)))
    accumulator = at = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("I", data, operand)
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x45:
                at += if_true if accumulator & operand else if_false
            case 0x06:
                return int(operand)


def number(machine: str, numbers: tuple[int, int]) -> int:
    return numbers[MACHINES.index(machine)]


def calls(table: Mapping[str, Numbers]) -> list[ParameterSet]:
    """Return every call of a table on every machine that has it."""
    return [
        pytest.param(machine, found, id=f"{name}-{machine}")
        for name, numbers in table.items()
        for machine, found in zip(MACHINES, numbers, strict=True)
        if found is not None
    ]


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(("on", "call"), calls(ALLOWED))
def test_what_decoders_need_is_allowed(on: str, call: int) -> None:
    assert verdict(on, call) == ALLOW


@pytest.mark.parametrize(("on", "call"), calls(REFUSED))
def test_what_leads_out_is_refused(on: str, call: int) -> None:
    assert verdict(on, call) == ERRNO | errno.EPERM


@pytest.mark.parametrize(
    ("on", "call"), calls({str(n): numbers for n, numbers in enumerate(FILES)})
)
def test_files_are_closed_off(on: str, call: int) -> None:
    assert verdict(on, call) == ERRNO | errno.EACCES


@pytest.mark.parametrize("numbers", [MMAP, MPROTECT])
def test_no_memory_becomes_executable(machine: str, numbers: tuple[int, int]) -> None:
    call = number(machine, numbers)
    assert verdict(machine, call, 0, 4096, 0b011) == ALLOW
    assert verdict(machine, call, 0, 4096, 0b101) == ERRNO | errno.EACCES


def test_threads_but_no_processes(machine: str) -> None:
    assert verdict(machine, number(machine, CLONE), 0x3D0F00) == ALLOW
    assert verdict(machine, number(machine, CLONE), 17) == ERRNO | errno.EPERM
    assert verdict(machine, number(machine, CLONE3)) == ERRNO | errno.ENOSYS


def test_signals_go_to_oneself_only(machine: str) -> None:
    assert verdict(machine, number(machine, TGKILL), PID, PID, 6) == ALLOW
    assert verdict(machine, number(machine, TGKILL), PID + 1, PID + 1, 6) == ERRNO | errno.EPERM


def test_limits_are_read_but_not_set(machine: str) -> None:
    call = number(machine, PRLIMIT)
    assert verdict(machine, call, 0, 7, 0, 0x7000_0000_0000) == ALLOW
    assert verdict(machine, call, 0, 7, 0x10) == ERRNO | errno.EPERM
    assert verdict(machine, call, 0, 7, 0x7000_0000_0000) == ERRNO | errno.EPERM


def test_descriptors_are_looked_at_and_paths_are_not(machine: str) -> None:
    call = number(machine, NEWFSTATAT)
    assert verdict(machine, call, 3, 0, 0, 0x1000) == ALLOW
    assert verdict(machine, call, 3, 0, 0, 0) == ERRNO | errno.EACCES


def test_owners_of_descriptors_and_terminals_are_left_alone(machine: str) -> None:
    fcntl = number(machine, FCNTL)
    assert verdict(machine, fcntl, 3, 3) == ALLOW
    assert verdict(machine, fcntl, 3, 8) == ERRNO | errno.EPERM
    assert verdict(machine, number(machine, IOCTL), 0, 0x5412) == ERRNO | errno.ENOTTY
    assert verdict(machine, number(machine, PRCTL), 15) == ALLOW
    assert verdict(machine, number(machine, PRCTL), 4, 1) == ERRNO | errno.EPERM


def test_calls_of_another_numbering_kill(machine: str) -> None:
    assert verdict(machine, 0, arch=0x40000003) == KILL  # 32-bit
    if machine == "x86_64":
        assert verdict(machine, 0x40000000 + 59) == KILL  # x32


def test_no_filter_is_made_for_an_unknown_machine() -> None:
    with pytest.raises(KeyError):
        program("riscv64", PID)
