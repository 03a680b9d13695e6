"""The public keys of an issuer of tokens: fetched from its address, kept, and fetched again as they change."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

import httpx

from travio_inventory.api.auth.keys import Key, public_key
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.error_words import answered_within, error_in_words
from travio_inventory.kernel.refusals import BackendUnavailable

FETCH_S_MAX: Final = 5.0
BYTES_MAX: Final = 262_144
KEYS_MAX: Final = 100
REFRESH_S: Final = 300
PAUSE_S: Final = 10
"""At least so long between two fetches, whatever key a token names."""
KEPT_S_MAX: Final = 86_400
"""How long keys are believed while the issuer does not answer."""

log = logging.getLogger(__name__)


class IssuerKeys:
    """Keys, from the JWK set (RFC 7517) at the address. Few ask the issuer: `keep_up` at intervals, and the first call
    with a key that is not known, while others wait for its answer. What is known stays while the issuer is down.
    """

    def __init__(self, url: str, *, client: httpx.AsyncClient, clock: Clock, pause_s: float = PAUSE_S) -> None:
        self._url = url
        self._client = client
        self._clock = clock
        self._pause_ms = pause_s * 1_000
        self._keys: Mapping[str, Sequence[Key]] = {}
        self._fetching = asyncio.Lock()
        self._asked_at_ms: float = -self._pause_ms
        self._answered_at_ms = 0
        self._is_down = False

    async def find(self, kid: str) -> Sequence[Key]:
        """See Keys; without an id the only ones. Raises BackendUnavailable if no key is known, or only old ones are."""
        if not (found := self._named(kid)):
            await self.fetch(unless_known=kid)
            found = self._named(kid)
        if not self._keys or self._clock.elapsed_ms() - self._answered_at_ms > KEPT_S_MAX * 1_000:
            raise BackendUnavailable("the keys of the issuer of tokens are unavailable")
        return found

    async def fetch(self, *, unless_known: str | None = None) -> None:
        """Ask the issuer, unless that was done a moment ago, or meanwhile the key has come."""
        async with self._fetching:
            now_ms = self._clock.elapsed_ms()
            if now_ms - self._asked_at_ms < self._pause_ms or (unless_known is not None and self._named(unless_known)):
                return
            self._asked_at_ms = now_ms
            try:
                async with answered_within(FETCH_S_MAX):
                    self._keys = read_key_set(await self._body())
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as failed:
                self._note(error_in_words(failed))
            else:
                self._answered_at_ms = self._clock.elapsed_ms()
                self._note("")

    async def keep_up(self, *, jitter: Random, every_s: float = REFRESH_S) -> None:
        """Ask the issuer at intervals, sooner while it is down. Runs until cancelled."""
        while True:
            await self.fetch()
            await asyncio.sleep((PAUSE_S if self._is_down else every_s) * jitter.uniform(1.0, 1.2))

    def _named(self, kid: str) -> Sequence[Key]:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid, ())

    @property
    def _count(self) -> int:
        return sum(map(len, self._keys.values()))

    async def _body(self) -> bytes:
        """What is at the address. Raises HTTPError, ValueError for more than a key set has."""
        body = b""
        async with self._client.stream("GET", self._url) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > BYTES_MAX:
                    raise ValueError(f"more than {BYTES_MAX} bytes")
        return body

    def _note(self, problem: str) -> None:
        if problem and not self._is_down:
            log.warning("the issuer's keys could not be fetched; known are %d: %s", self._count, problem)
        elif self._is_down and not problem:
            log.info("the issuer's keys are fetched again: %d", self._count)
        self._is_down = bool(problem)


def read_key_set(body: bytes) -> Mapping[str, Sequence[Key]]:
    """The keys of a JWK set by their ids, those that are of use. Raises ValueError if there is none."""
    described = json.loads(body)
    listed = described.get("keys") if isinstance(described, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a JWK set")
    found = defaultdict[str, list[Key]](list)
    for each in listed[:KEYS_MAX]:
        if isinstance(each, dict) and (key := public_key(each)) is not None:
            found[str(each.get("kid", ""))].append(key)
    if not found:
        raise ValueError("a JWK set without a key of RS256, ES256 or EdDSA")
    return dict(found)
