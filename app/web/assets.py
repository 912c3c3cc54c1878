"""`GET /static/…`: what the pages load, compressed for whoever takes it so.

The largest file is 1.8 MB, of which a load balancer before Lambda passes on 1 MB; compressed it is
a quarter. A REST API gets it as it is: it passes on binary data only where it is told to.
"""

import gzip
from functools import lru_cache
from pathlib import Path

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_COMPRESSED = ("text/", "application/javascript", "image/svg+xml")
_ENTITY = ("etag", "last-modified", "content-type")


class Assets(StaticFiles):
    """The files of a folder."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["vary"] = "Accept-Encoding"
        if not (
            isinstance(response, FileResponse)
            and response.headers["content-type"].startswith(_COMPRESSED)
            and _takes_gzip(scope)
        ):
            return response
        modified = response.headers["last-modified"]
        content = await anyio.to_thread.run_sync(_compressed, Path(response.path), modified)
        kept = {name: response.headers[name] for name in _ENTITY}
        # Weak: the same to a reader as the file, but not byte for byte.
        kept["etag"] = f"W/{kept['etag']}"
        return Response(
            content, headers={**kept, "content-encoding": "gzip", "vary": "Accept-Encoding"}
        )


@lru_cache(maxsize=64)
def _compressed(path: Path, modified: str) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)


def _takes_gzip(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    event = scope.get("aws.event", {})
    if "range" in headers or ("resource" in event and "http" not in event["requestContext"]):
        return False
    quality: dict[str, str] = {}
    for entry in headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameters = entry.partition(";")
        quality[coding.strip()] = parameters.replace(" ", "").partition("q=")[2]
    said = quality.get("gzip", quality.get("*", "0"))
    try:
        return float(said or 1) > 0
    except ValueError:
        return False
