"""The emulator's own routes: for admins of the tenant, with errors in the one shape."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from dataflux.permissions import Role
from dataflux.settings import Settings
from events.event import Event
from events.http import to_batch, to_binary, to_structured
from events.samples import sample
from functions.api.app import EVERYTHING, create_app
from local import function_routes
from local.control import Control, routes
from tests.fixtures.platform import Platform
from tests.functions.api.asking import check_problem, stranger

TICK = sample("timer.tick")


@pytest.fixture
def control(tmp_path: Path) -> Control:
    return Control(Settings(home=tmp_path), lambda: None)


@pytest.fixture
def http(platform: Platform, control: Control) -> Iterator[TestClient]:
    more = (function_routes.router, routes(control))
    with TestClient(create_app(platform.deps, (*EVERYTHING, *more))) as client:
        yield client


def bearer(platform: Platform, *roles: str) -> dict[str, str]:
    return {"authorization": f"Bearer {stranger(platform, *roles)}"}


def own(event: Event) -> Event:
    return Event(event.id, event.type, event.source, event.time, event.data)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_an_admin_is_heard(http: TestClient, platform: Platform, role: Role) -> None:
    headers, body = to_binary(own(TICK))
    for who, status in (({}, 401), (bearer(platform, role), 403)):
        check_problem(
            http.post("/functions/relay", content=body, headers={**headers, **who}), status
        )
        check_problem(http.get("/api/v1/emulator", headers=who), status)
        order = {"action": "reset"}
        check_problem(http.post("/api/v1/emulator/orders", json=order, headers=who), status)


@pytest.mark.parametrize("write", [to_binary, to_structured, lambda event: to_batch([event])])
def test_events_come_in_every_mode(http: TestClient, platform: Platform, write: object) -> None:
    headers, body = write(own(TICK))  # type: ignore[operator]
    answer = http.post(
        "/functions/relay", content=body, headers={**headers, **bearer(platform, Role.ADMIN)}
    )
    assert (answer.status_code, answer.content) == (200, b"")


def test_what_is_no_event_of_the_function_is_refused(http: TestClient, platform: Platform) -> None:
    who = bearer(platform, Role.ADMIN)
    headers, body = to_binary(own(TICK))
    sent = {**headers, **who}
    check_problem(http.post("/functions/nowhere", content=body, headers=sent), 404)
    check_problem(http.post("/functions/ingest", content=body, headers=sent), 422)
    check_problem(http.post("/functions/relay", content=b"{", headers=sent), 422)
    check_problem(http.post("/functions/relay", content=b"", headers=who), 422)
    foreign = {**sent, "ce-tenantid": str(uuid4())}
    check_problem(http.post("/functions/relay", content=body, headers=foreign), 403)
    empty, none = to_batch([])
    check_problem(http.post("/functions/relay", content=none, headers={**empty, **who}), 422)


def test_orders_are_read_strictly(http: TestClient, platform: Platform, control: Control) -> None:
    who = bearer(platform, Role.ADMIN)

    def order(**asked: str) -> object:
        return http.post("/api/v1/emulator/orders", json=asked, headers=who)

    check_problem(order(action="explode"), 422)
    check_problem(order(action="load", name="nowhere"), 404)
    check_problem(order(action="save", name="../up"), 422)
    check_problem(order(action="reset", when="now"), 422)
    assert control.waiting is None
    told = http.get("/api/v1/emulator", headers=who).json()
    assert told == {"done": 0, "error": None, "states": []}
    assert http.post(
        "/api/v1/emulator/orders", json={"action": "save", "name": "demo"}, headers=who
    ).json() == {"number": 1}
    check_problem(order(action="reset"), 409)
