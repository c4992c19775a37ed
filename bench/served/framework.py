"""functions-framework's synchronous host, as its documentation shows it."""

from typing import Any

import functions_framework


@functions_framework.cloud_event
def nothing(event: Any) -> None:
    assert event["type"]
    assert event.data
