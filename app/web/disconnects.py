"""Notices that a client disconnects."""

from starlette.types import Receive


async def disconnected(receive: Receive) -> None:
    """Return once the client of a request has disconnected; its body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
