"""Host a sweeper: `python -m functions.hosts.timer NAME [--every SECONDS]`, until it is ended."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from functools import partial

from dataflux import telemetry
from dataflux.settings import Settings
from events.event import PREFIX, Event
from functions.deps import Deps
from functions.disposition import Disposition, guarded
from functions.hosts.adapters import Adapters
from functions.targets import BY_NAME, Kind, Target

log = logging.getLogger(__name__)


def tick(deps: Deps, name: str) -> Event:
    """Return what makes a sweeper sweep."""
    return Event(
        id=str(deps.ids.token()),
        type=f"{PREFIX}timer.tick",
        source="/dataflux/timer",
        time=deps.clock.now(),
        data={"timer": name},
    )


def _sweep(target: Target, adapters: Adapters) -> Disposition:
    deps = adapters()
    return target.run(deps, [tick(deps, target.name)])


def keep_ticking(
    target: Target, adapters: Adapters, every_s: float, ending: threading.Event
) -> None:
    """Tick at once and then every so often; what fails is said, and tried again with the next."""
    while not ending.is_set():
        ended = guarded(partial(_sweep, target, adapters))
        if ended != Disposition.DONE:
            log.warning("%s: %s", target.name, ended)
        ending.wait(every_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Tick one sweeper until SIGTERM or Ctrl-C."""
    sweepers = [name for name, target in BY_NAME.items() if target.kind is Kind.SWEEPER]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sweepers)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    asked = parser.parse_args(arguments)
    settings = Settings.from_env()
    telemetry.configure(settings.log_level, settings.log_format)
    ending, adapters = threading.Event(), Adapters()
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, lambda *_: ending.set())
    try:
        keep_ticking(BY_NAME[asked.name], adapters, asked.every, ending)
    finally:
        adapters.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
