"""`GET /static/…`: the assets of the pages, compressed if the client accepts it.

The largest file has 1.8 MB, a quarter of that compressed. A load balancer passes on at most 1 MB
from Lambda. A REST API receives files uncompressed, as it returns text only.
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
_ENTITY_HEADERS = ("etag", "last-modified", "content-type")


class Assets(StaticFiles):
    """The files of a directory."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["vary"] = "Accept-Encoding"
        if not (
            isinstance(response, FileResponse)
            and response.headers["content-type"].startswith(_COMPRESSED)
            and _accepts_gzip(scope)
        ):
            return response
        modified = response.headers["last-modified"]
        content = await anyio.to_thread.run_sync(_compressed, Path(response.path), modified)
        headers = {name: response.headers[name] for name in _ENTITY_HEADERS}
        # A weak tag, because the bytes differ from those of the uncompressed file.
        headers["etag"] = f"W/{headers['etag']}"
        return Response(
            content, headers={**headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
        )


@lru_cache(maxsize=64)
def _compressed(path: Path, modified: str) -> bytes:
    return gzip.compress(path.read_bytes(), mtime=0)


def _accepts_gzip(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    event = scope.get("aws.event", {})
    if "range" in headers or ("resource" in event and "http" not in event["requestContext"]):
        return False
    quality: dict[str, str] = {}
    for entry in headers.get("accept-encoding", "").lower().split(","):
        coding, _, parameters = entry.partition(";")
        quality[coding.strip()] = parameters.replace(" ", "").partition("q=")[2]
    weight = quality.get("gzip", quality.get("*", "0"))
    try:
        return float(weight or 1) > 0
    except ValueError:
        return False
