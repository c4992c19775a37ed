"""An installation of a temporary folder, with all of our analyzers."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from analyzers.models.selection import Selection
from analyzers.models.store import ModelStore
from analyzers.registry import Registry
from analyzers.runtime import Runtime
from analyzers.sandbox import Sandbox
from stores.records.database import Database
from stores.records.embedded import EmbeddedPostgres
from stores.records.migrate import migrate
from tests.fixtures.platform import Platform, assembled
from tests.fixtures.postgres import add_tenant


@contextlib.contextmanager
def installation(models: Path | None) -> Iterator[Platform]:
    """Start one with our analyzers; with a folder of models, those take the fallbacks' places."""
    with (
        tempfile.TemporaryDirectory(prefix="dataflux-bench-", ignore_cleanup_errors=True) as home,
        EmbeddedPostgres(Path(home) / "postgres") as server,
        Database(server.dsn) as database,
        contextlib.ExitStack() as stack,
    ):
        with database.installer() as conn:
            migrate(conn)
        store = ModelStore(models or Path(home) / "none")
        registry = Registry.load(models=Selection(store, Runtime("cpu", threads=2)))
        sandbox = Sandbox(registry)
        stack.callback(sandbox.close)
        yield stack.enter_context(
            assembled(database, add_tenant(database), Path(home), (registry, sandbox))
        )


def bring_in(on: Platform, files: Sequence[tuple[str, bytes]]) -> dict[str, UUID]:
    """Ingest files; return the lineage of each by its name."""
    found = {name: on.drop(name, data).lineage for name, data in files}
    on.pump(most=1_000_000)
    return found
