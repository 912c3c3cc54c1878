"""A bounded, thread-safe cache that evicts the least recently used entry."""

from collections import OrderedDict
from hashlib import blake2b
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Cache(Generic[Value]):
    """Values by text. Keys are digests of the model's revision and the text, so that long texts
    take no memory. A cache of size 0 stores nothing.
    """

    def __init__(self, size: int, revision: str) -> None:
        self._size = size
        self._revision = revision.encode()
        self._values: OrderedDict[bytes, Value] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, text: str) -> Value | None:
        """Return the value for this text, or None."""
        with self._lock:
            value = self._values.get(key := self._key(text)) if self._size else None
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, text: str, value: Value) -> None:
        """Store a value; evict the least recently used one if the cache is full."""
        if not self._size:
            return
        with self._lock:
            self._values[self._key(text)] = value
            if len(self._values) > self._size:
                self._values.popitem(last=False)

    def _key(self, text: str) -> bytes:
        return blake2b(text.encode(), digest_size=16, key=self._revision[:64]).digest()
