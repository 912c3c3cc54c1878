"""Where callers put their API key, in the order of precedence."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qs

Read = Callable[[Mapping[str, str], bytes], str]
"""Returns a key or ``""``, given headers by lower-case names and the query string."""


class Place:
    """A part of a request that may hold an API key.

    ``description``: completes "An API key is needed, …".
    """

    def __init__(self, description: str, read: Read) -> None:
        self.description = description
        self.read = read


def header(name: str) -> Place:
    """Return the place of a key that is the value of a header."""
    return Place(f"in the header {name}", lambda headers, query: headers.get(name.lower(), ""))


def parameter(name: str) -> Place:
    """Return the place of a key that is a parameter of the query string."""

    def read(headers: Mapping[str, str], query: bytes) -> str:
        try:
            fields = parse_qs(query.decode("latin-1"), max_num_fields=100)
        except ValueError:  # there are more
            return ""
        return fields.get(name, [""])[-1]

    return Place(f"as ?{name}=", read)


def _bearer(headers: Mapping[str, str], query: bytes) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _access_key_id(headers: Mapping[str, str], query: bytes) -> str:
    scheme, _, parameters = headers.get("authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return ""
    fields = (parameter.strip().partition("=") for parameter in parameters.split(","))
    scope = next((value for name, _, value in fields if name == "Credential"), "")
    return scope.partition("/")[0]


X_API_KEY = header("x-api-key")
BEARER = Place("as Authorization: Bearer", _bearer)
SIGNATURE = Place("as the access key id that signs the request", _access_key_id)
"""The access key id of AWS's signature. The signature itself cannot be checked, because that would
need the secret key, and only hashes of API keys are stored. TLS protects the key like any other."""

USUAL = (X_API_KEY, BEARER)
"""The places of a key in requests to the service's own API."""


def read(places: Sequence[Place], headers: Mapping[str, str], query: bytes) -> str:
    """Return the key in the first place that holds one, or ``""``."""
    return next(filter(None, (place.read(headers, query).strip() for place in places)), "")


def describe(places: Sequence[Place]) -> str:
    """Return where a key is expected: the descriptions of places, joined by "or"."""
    *others, last = (place.description for place in places)
    return f"{', '.join(others)} or {last}" if others else last
