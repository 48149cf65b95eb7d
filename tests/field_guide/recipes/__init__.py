"""One module per lesson, as the guide has one file per lesson; importing them registers their recipes."""

from . import async_orm, cancellation, doors_open, engine_and_session, event_loop, pools, session_lifetime, testing

__all__ = [
    "async_orm",
    "cancellation",
    "doors_open",
    "engine_and_session",
    "event_loop",
    "pools",
    "session_lifetime",
    "testing",
]
