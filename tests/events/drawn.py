"""Events drawn at random, with everything that CloudEvents allows and we keep."""

import string
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import strategies as st

from events.event import Event

_CORE = {"id", "type", "source", "specversion", "time", "subject", "datacontenttype", "dataschema"}

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
"""Any text: control characters, quotes, percent signs and all of Unicode."""
plain = st.text(string.ascii_letters + string.digits + "/:._-~", min_size=1, max_size=30)
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).filter(
    lambda name: name not in _CORE | {"data"}
)
_zones = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
times = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=_zones | st.just(UTC))
_leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | text
data = st.dictionaries(
    text,
    st.recursive(_leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(text, v, max_size=3)),
    max_size=4,
)


def events(values: st.SearchStrategy[str] = text) -> st.SearchStrategy[Event]:
    """Draw events whose attributes are drawn from `values`."""
    return st.builds(
        Event,
        id=values,
        type=values,
        source=values,
        time=times,
        data=data,
        subject=st.none() | values,
        extensions=st.dictionaries(names, values, max_size=4),
    )
