"""A process that owns a server until it is killed: `python owner.py HOME`."""

import sys
from pathlib import Path

import psycopg

from stores.records.embedded import EmbeddedPostgres

if __name__ == "__main__":
    with EmbeddedPostgres(Path(sys.argv[1])) as server:
        with psycopg.connect(server.dsn, autocommit=True) as conn:
            conn.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            conn.execute("INSERT INTO kept VALUES (1)")
        print("ready", flush=True)
        sys.stdin.read()
