"""Connections to PostgreSQL, one pool a role; the driver's errors become ours."""

import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import orjson
import psycopg
import psycopg_pool
from psycopg import Connection, conninfo
from psycopg import errors as driver
from psycopg.types.json import set_json_dumps, set_json_loads

from dataflux.errors import Conflict, DataFluxError, Denied, Invalid, Unavailable

ROLES = ("app", "worker", "relay", "admin")
_TAKEN = (
    driver.UniqueViolation,
    driver.ExclusionViolation,
    driver.ForeignKeyViolation,
    driver.RestrictViolation,
)


class Database:
    """A pool for each role, opened on first use. It opens no transaction: only the engine does."""

    def __init__(
        self, dsn: str, *, size: int = 16, timeout_s: float = 10.0, idle_s: float = 60.0
    ) -> None:
        """`idle_s`: the server ends who holds locks and says nothing for so long: it is gone."""
        self.dsn = dsn
        self._size, self._timeout_s, self._idle_s = size, timeout_s, idle_s
        self._pools: dict[str, psycopg_pool.ConnectionPool[Connection[Any]]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The same as a URL: how another process names it in its settings."""
        return "postgresql://?" + urlencode(conninfo.conninfo_to_dict(self.dsn), quote_via=quote)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def connection(self, role: str) -> Iterator[Connection[Any]]:
        """Lend a connection of `role` in autocommit mode; errors inside are translated."""
        with translated(), self._pool(role).connection() as conn:
            yield conn

    @contextlib.contextmanager
    def installer(self) -> Iterator[Connection[Any]]:
        """Open one connection as the login itself, for migrations, in autocommit mode."""
        with translated(), psycopg.connect(self.dsn, autocommit=True) as conn:
            yield conn

    def close(self) -> None:
        """Close every pool; a Database may be used again after that."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _pool(self, role: str) -> psycopg_pool.ConnectionPool[Connection[Any]]:
        with self._lock:
            if role not in self._pools:
                self._pools[role] = self._opened(role)
            return self._pools[role]

    def _opened(self, role: str) -> psycopg_pool.ConnectionPool[Connection[Any]]:
        if role not in ROLES:
            raise DataFluxError(f"no database role named {role!r}; known: {', '.join(ROLES)}")
        given = conninfo.conninfo_to_dict(self.dsn).get("options") or ""
        return psycopg_pool.ConnectionPool(
            self.dsn,
            kwargs={
                "autocommit": True,
                "options": f"{given} -c role=df_{role}"
                f" -c idle_in_transaction_session_timeout={round(self._idle_s * 1000)}",
                "application_name": f"dataflux-{role}",
            },
            min_size=0,
            max_size=self._size,
            timeout=self._timeout_s,
            num_workers=1,
            configure=_configure,
            check=psycopg_pool.ConnectionPool.check_connection,  # the server may have restarted
            name=f"dataflux-{role}",
            open=True,
        )


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn an error of the driver into one of ours; the driver's stays its cause."""
    try:
        yield
    except psycopg.Error as error:
        raise _ours(error) from error


def _ours(error: psycopg.Error) -> DataFluxError:
    message = f"postgres: {_told(error)}"
    match error:
        case (
            psycopg.OperationalError()
            | psycopg.InterfaceError()
            | driver.IdleInTransactionSessionTimeout()
        ):
            return Unavailable(f"{message}; try again")
        case _ if isinstance(error, _TAKEN):
            return Conflict(message)
        case psycopg.DataError() | psycopg.IntegrityError():
            return Invalid(message)
        case driver.InsufficientPrivilege():
            return Denied(message)
        case _:
            return DataFluxError(message)


def _told(error: psycopg.Error) -> str:
    """Say what is wrong without the detail line: that one quotes rows."""
    return error.diag.message_primary or str(error).strip() or type(error).__name__


def _configure(conn: Connection[Any]) -> None:
    set_json_dumps(orjson.dumps, conn)
    set_json_loads(orjson.loads, conn)
