"""What a running emulator is asked to do to itself: save, load or drop all that it holds.

It stops its functions, does so, and goes on at the same address: nobody writes meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from dataflux.errors import Conflict, DataFluxError
from dataflux.settings import Settings
from functions.api.bodies import json_of, parse
from local import states
from local.function_routes import admin
from local.home import empty

Action = Literal["save", "load", "reset"]


class Order(BaseModel):
    """What to do with all that is held; `name` is that of the state to save or load."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    action: Action
    name: Annotated[str, Field(max_length=100)] = ""


@dataclass
class Control:
    """The orders of one emulator process: the one that waits, and how the last one ended."""

    settings: Settings
    wake: Callable[[], object]
    waiting: Order | None = None
    done: int = 0
    error: str | None = None
    given: int = field(default=0)

    def give(self, order: Order) -> int:
        """Take an order; return its number. Raise Conflict while another one waits."""
        if self.waiting is not None:
            raise Conflict(f"{self.waiting.action} is under way; wait until it has ended")
        if order.action != "reset":
            states.folder_of(self.settings.home, order.name)
        if order.action == "load":
            states.require(self.settings.home, order.name)
        self.waiting, self.given = order, self.given + 1
        self.wake()
        return self.given

    def carry_out(self) -> None:
        """Do what was ordered, now that nothing runs; what fails is told and changes nothing."""
        order, self.error = self.waiting, None
        try:
            if order is not None:
                _do(order, self.settings)
        except (DataFluxError, OSError) as error:
            self.error = str(error)
        self.waiting, self.done = None, self.given

    def told(self) -> dict[str, Any]:
        return {
            "done": self.done,
            "error": self.error,
            "states": states.known(self.settings.home),
        }


def _do(order: Order, settings: Settings) -> None:
    match order.action:
        case "save":
            states.save(settings, order.name)
        case "load":
            states.load(settings, order.name)
        case "reset":
            empty(settings.home)


def routes(control: Control) -> APIRouter:
    """Return the routes of an emulator that are about itself; for admins."""
    router = APIRouter(prefix="/api/v1/emulator", include_in_schema=False)

    @router.get("")
    def look(request: Request) -> dict[str, Any]:
        admin(request)
        return control.told()

    @router.post("/orders", status_code=202)
    async def order(request: Request) -> dict[str, Any]:
        await run_in_threadpool(admin, request)
        asked = parse(Order, await json_of(request))
        return {"number": control.give(asked)}

    return router
