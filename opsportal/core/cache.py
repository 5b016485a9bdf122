"""A Redis cache that never costs a page: 100 ms at most, then silence for a while.

The cache holds nothing but what can be computed again, so a lost Redis is a miss, not an error.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property
from redis.exceptions import RedisError

T = TypeVar("T")
OPEN_FOR_SECONDS: Final = 5.0


class _OneClient(RedisCacheClient):
    """One client of redis-py, which threads may share; Django makes one for each call."""

    @cached_property
    def _shared(self) -> Any:
        return super().get_client(write=True)

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:  # noqa: ARG002 - Django's signature
        return self._shared


class FailSilentRedisCache(RedisCache):
    """Misses while Redis is away. After a failure no call is tried for `OPEN_FOR_SECONDS`."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = _OneClient
        self._closed_until = 0.0

    def _guard(self, call: Callable[[], T], fallback: T) -> T:
        if time.monotonic() < self._closed_until:
            return fallback
        try:
            return call()
        except (RedisError, OSError):
            self._closed_until = time.monotonic() + OPEN_FOR_SECONDS
            return fallback

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        # Fails open: whoever asks "am I the first?" by cache must not depend on the answer.
        return self._guard(lambda: super(FailSilentRedisCache, self).add(key, value, timeout, version), True)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._guard(lambda: super(FailSilentRedisCache, self).get(key, default, version), default)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._guard(lambda: super(FailSilentRedisCache, self).set(key, value, timeout, version), None)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._guard(lambda: super(FailSilentRedisCache, self).touch(key, timeout, version), False)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._guard(lambda: super(FailSilentRedisCache, self).delete(key, version), False)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        return self._guard(lambda: super(FailSilentRedisCache, self).get_many(keys, version), {})

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        return self._guard(lambda: super(FailSilentRedisCache, self).set_many(dict(data), timeout, version), list(data))

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self._guard(lambda: super(FailSilentRedisCache, self).delete_many(keys, version), None)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self._guard(lambda: super(FailSilentRedisCache, self).has_key(key, version), False)

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._guard(lambda: super(FailSilentRedisCache, self).incr(key, delta, version), delta)

    def clear(self) -> None:
        self._guard(lambda: super(FailSilentRedisCache, self).clear(), None)
