"""Zygotes that have loaded code as it is now, to take the place of those that run."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from analyzers.registry import Registry
from analyzers.sandbox.zygotes import Zygote
from dataflux.errors import Unavailable


def of(
    running: Mapping[str, Zygote], registry: Registry, *, require_seal: bool
) -> dict[str, Zygote]:
    """Start a zygote for each pool; raise Unavailable, with none left, if one cannot follow."""

    def start(pool: str) -> Zygote:
        return Zygote(pool, registry, require_seal=require_seal)

    pools = tuple(running)
    with ThreadPoolExecutor(max(1, len(pools))) as starting:
        started = {pool: starting.submit(start, pool) for pool in pools}
    try:
        fresh = {pool: each.result() for pool, each in started.items()}
        for pool, zygote in fresh.items():
            _require_the_same(running[pool], zygote)
    except Unavailable:
        _close(started.values())
        raise
    return fresh


def _require_the_same(before: Zygote, now: Zygote) -> None:
    """An analyzer that could be loaded must be loaded still."""
    for analyzer, why in now.missing.items():
        if analyzer not in before.missing:
            raise Unavailable(f"sandbox: {analyzer} cannot run: {why}")


def _close(started: Iterable["Future[Zygote]"]) -> None:
    for each in started:
        if each.exception() is None:
            each.result().close()
