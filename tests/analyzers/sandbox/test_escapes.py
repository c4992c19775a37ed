"""Ways out of a sealed child: all are refused, whoever runs it and whatever the kernel grants."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
NOBODY = 65_534
CANNOT = 77
WAYS: Mapping[str, tuple[str, ...]] = {
    "1 make a socket": ("socket", "unix", "netlink", "packet"),
    "2 connect": ("connect", "datagram", "resolve"),
    "3 write a file": ("write", "create", "reopen", "write the file", "map the file", "chmod"),
    "4 read a file": (
        "open", "another tenant", "list", "maps of the parent", "memory of the parent",
    ),
    "5 start a program": ("exec", "execute memory"),
    "6 fork": ("fork",),
    "7 look into the parent": ("ptrace", "seize", "read memory"),
    "8 signal the parent": ("kill", "own signals"),
    "9 take two gigabytes": ("memfd", "heap", "raise limits"),
    "10 link and unlink": ("symlink", "unlink", "chdir"),
    "11 read the environment": ("secret", "own environment", "environ"),
    "13 leave the namespaces": (
        "user namespace", "join a namespace", "mount", "io_uring", "bpf",
    ),
}  # fmt: skip
REFUSED = frozenset({"EPERM", "EACCES", "EBADF", "EAI", "MemoryError"})
WHO: Mapping[str, tuple[int | None, tuple[str, ...]]] = {
    "as it is": (None, ()),
    "unprivileged": (NOBODY, ()),
    "without user namespaces": (None, ("namespaces",)),
    "unprivileged, without user namespaces": (NOBODY, ("namespaces",)),
    "unprivileged, without either": (NOBODY, ("namespaces", "landlock")),
}


@cache
def outcome(who: str) -> dict[str, Any]:
    """Run every probe once as somebody."""
    user, without = WHO[who]
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root can become somebody else; this run is unprivileged as it is")
    options = [part for layer in without for part in ("--without", layer)]
    ran = _run("-m", "tests.analyzers.sandbox.escapes", *options, user=user)
    if user is not None and ran.returncode == CANNOT:
        pytest.skip(f"nobody else can be started here: {ran.stderr}")
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def _run(*arguments: str, user: int | None) -> subprocess.CompletedProcess[str]:
    lowered = [] if user is None else [str(HERE / "lowered.py"), str(user)]
    return subprocess.run(
        [sys.executable, *lowered, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PATH": os.defpath,
            "PYTHONPATH": str(HERE.parents[2]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("who", WHO)
def test_no_way_leads_out(who: str, way: str) -> None:
    found = outcome(who)
    for name in WAYS[way]:
        allowed = {"ENOENT"} if name == "secret" else REFUSED
        assert found["probes"][name] in allowed, name


@pytest.mark.parametrize("who", WHO)
def test_12_no_playlist_is_followed_and_nobody_is_called(who: str) -> None:
    found = outcome(who)
    assert set(found["read"].values()) == {"0 bytes read"}
    assert found["visits"] == []


def test_the_ways_name_every_probe() -> None:
    assert {name for names in WAYS.values() for name in names} == set(outcome("as it is")["probes"])


@pytest.mark.parametrize("who", WHO)
def test_it_was_as_said(who: str) -> None:
    level, (_, without) = outcome(who)["level"], WHO[who]
    assert "refused" not in level["seccomp"]
    for layer in without:
        assert "refused" in level[layer]
