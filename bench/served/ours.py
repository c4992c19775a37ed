"""Our host, with its checks and its threads, and a handler that does nothing."""

from collections.abc import Callable
from typing import Any, cast

from functions.deps import Deps
from functions.hosts.adapters import Adapters
from functions.hosts.function import FunctionApp
from functions.targets import Kind, Target


class Nothing(Target):
    def handler(self) -> Callable[..., Any]:
        return lambda event, deps: None


class NoAdapters(Adapters):
    def __call__(self) -> Deps:
        return cast(Deps, None)


app = FunctionApp(Nothing("nothing", Kind.SWEEPER, ()), NoAdapters())
