"""Relays an outbox until it is empty or a failpoint ends this process.

Run: python -m tests.faults.relaying DSN BUS_FOLDER FAILPOINTS
"""

import sys
from pathlib import Path

from dataflux import failpoints
from dataflux.clock import Clock, IdFactory
from events.log_bus import LogBus
from functions import engine
from stores.objects.disk import DiskObjects
from stores.records.database import Database

BATCH = 20


def main(dsn: str, folder: str, armed: str) -> None:
    failpoints.arm(armed)
    engine.RELAY_AFTER_S = 0.0
    clock, bus = Clock(), LogBus(Path(folder))
    with Database(dsn) as database:
        objects = DiskObjects(Path(folder) / "objects")
        relay = engine.Engine(database, bus, objects, clock, IdFactory(clock)).relay
        while relay(BATCH):
            pass
    bus.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
