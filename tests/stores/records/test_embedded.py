import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from dataflux.errors import Conflict, Unavailable, Unsupported
from stores.records import embedded, supervise
from stores.records.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A short path that the server's own user can reach."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-home-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A home that has been initialized: making one anew takes half a second."""
    made = Path(tempfile.mkdtemp(prefix="dataflux-home-"))
    with EmbeddedPostgres(made):
        pass
    yield made
    shutil.rmtree(made)


def servers(home: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.name() == "postgres" and process.cwd().startswith(str(home)):
                found.append(process)
    return found


def gone(processes: list[psutil.Process], patience_s: float = 10) -> bool:
    """Return whether all have ended; who has lost its parent may stay as a zombie."""
    deadline = time.monotonic() + patience_s
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def kept(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.dsn) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


@contextlib.contextmanager
def owned(home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server that another process owns, and which is to be killed."""
    command = [sys.executable, "-m", "tests.stores.records.owner", str(home)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"ready\n"
        yield owner
        owner.kill()


def test_data_survives_a_restart(home: Path) -> None:
    with EmbeddedPostgres(home) as server, psycopg.connect(server.dsn, autocommit=True) as conn:
        conn.execute("CREATE TABLE kept (n int)")
        conn.execute("INSERT INTO kept VALUES (1)")
    with EmbeddedPostgres(home) as server:
        assert kept(server) == 1


def test_a_stopped_server_leaves_no_process_and_no_socket(cluster: Path) -> None:
    before = psutil.Process().children()
    with EmbeddedPostgres(cluster) as server:
        sockets = list(server.socket_folder.glob(".s.PGSQL.*"))
        assert len(servers(cluster)) > 3
        assert sockets
    assert servers(cluster) == []
    assert not any(path.exists() for path in sockets)
    assert psutil.Process().children() == before
    assert not (cluster / "data" / "postmaster.pid").exists()


def test_only_its_owner_can_reach_it(cluster: Path) -> None:
    with (
        EmbeddedPostgres(cluster) as server,
        psycopg.connect(server.dsn) as conn,
    ):
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
        assert server.socket_folder.stat().st_mode & 0o777 == 0o700


def test_it_has_our_settings(cluster: Path) -> None:
    with (
        EmbeddedPostgres(cluster, {"shared_buffers": "32MB"}) as server,
        psycopg.connect(server.dsn) as conn,
    ):
        shown = {
            name: conn.execute(f"SHOW {name}".encode()).fetchone()
            for name in ("jit", "random_page_cost", "timezone", "shared_buffers")
        }
        collation = conn.execute("SELECT 'Z' < 'a', lower('É')").fetchone()
    assert shown == {
        "jit": ("off",),
        "random_page_cost": ("1.1",),
        "timezone": ("UTC",),
        "shared_buffers": ("32MB",),
    }
    assert collation == (True, "é")


def test_a_home_has_one_owner(cluster: Path) -> None:
    with EmbeddedPostgres(cluster) as server:
        with pytest.raises(Conflict, match="in use by another process"):
            EmbeddedPostgres(cluster).start()
        with psycopg.connect(server.dsn) as conn:
            conn.execute("SELECT 1")


def test_data_of_another_version_is_refused_by_name(cluster: Path) -> None:
    file = cluster / "data" / "PG_VERSION"
    ours = file.read_text()
    file.write_text("15\n")
    try:
        with pytest.raises(Unsupported, match=r"PostgreSQL 15, this installation has \d+; "):
            EmbeddedPostgres(cluster).start()
    finally:
        file.write_text(ours)
    with EmbeddedPostgres(cluster):
        pass


def test_a_server_that_cannot_start_says_why_and_lets_go(cluster: Path) -> None:
    with pytest.raises(Unavailable, match="no_such_setting"):
        EmbeddedPostgres(cluster, {"no_such_setting": "1"}).start()
    with EmbeddedPostgres(cluster):
        pass


def test_a_path_too_long_for_a_socket_gets_a_short_one(cluster: Path) -> None:
    deep = cluster.parent / f"{cluster.name}-{'x' * 100}"
    cluster.rename(deep)
    try:
        with EmbeddedPostgres(deep) as server, psycopg.connect(server.dsn) as conn:
            conn.execute("SELECT 1")
            short = server.socket_folder
            assert short != deep
        assert not short.exists()
    finally:
        deep.rename(cluster)


def test_an_interrupted_first_start_is_begun_anew(home: Path) -> None:
    half = home / "data.new.1"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    with EmbeddedPostgres(home):
        pass
    assert not half.exists()


def test_a_server_dies_with_its_owner(home: Path) -> None:
    with owned(home) as owner:
        running = servers(home)
        owner.kill()
        assert gone(running)
    with EmbeddedPostgres(home) as server:
        assert kept(server) == 1


def test_a_server_whose_keeper_was_killed_too_is_ended_by_the_next(home: Path) -> None:
    with owned(home) as owner:
        (keeper,) = psutil.Process(owner.pid).children()
        orphans = servers(home)
        owner.kill()
        keeper.kill()
        with EmbeddedPostgres(home) as server:
            assert kept(server) == 1
            assert gone(orphans, 0)


def test_a_crash_of_everything_is_survived(home: Path) -> None:
    with owned(home) as owner:
        (keeper,) = psutil.Process(owner.pid).children()
        orphans = servers(home)
        for process in (psutil.Process(owner.pid), keeper, *orphans):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert gone(orphans)
        assert (home / "data" / "postmaster.pid").exists()
        with EmbeddedPostgres(home) as server:
            assert kept(server) == 1


def test_a_stale_pid_that_somebody_else_has_now_is_no_hindrance(cluster: Path) -> None:
    stale = cluster / "data" / "postmaster.pid"
    stale.write_text(f"{os.getppid()}\n{cluster}/data\n1\n5432\n{cluster}\n\n 1 1\nready\n")
    if os.geteuid() == 0:
        shutil.chown(stale, embedded.SYSTEM_USER)
    with EmbeddedPostgres(cluster) as server, psycopg.connect(server.dsn) as conn:
        conn.execute("SELECT 1")


def test_a_keeper_stops_its_child_when_its_parent_is_gone_though_the_pipe_is_open() -> None:
    """As when the owner has forked: the fork still holds the pipe."""
    ours, theirs = socket.socketpair()
    program = (
        "import os, subprocess, sys; p = subprocess.Popen([sys.executable, sys.argv[1],"
        " str(os.getpid()), '', '10', 'sleep', '60'], stdin=int(sys.argv[2]), stdout=2);"
        " print(p.pid, flush=True)"
    )
    command = [sys.executable, "-c", program, supervise.__file__, str(theirs.fileno())]
    with ours, theirs:
        ran = subprocess.run(
            command, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE, text=True, check=True
        )
        with contextlib.suppress(psutil.NoSuchProcess):
            keeper = psutil.Process(int(ran.stdout))
            ended = gone([keeper])
            keeper.kill()
            assert ended
