"""Posts events to a webhook, signed: in order per trip, retried with back-off, and kept where it refuses for good."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import NamedTuple, Protocol, Self
from urllib.parse import quote

import httpx

from travio_inventory.events.shapes import SHAPES
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.dead_letters import Letter
from travio_inventory.events.sinks.signing import secrets_of, signature
from travio_inventory.events.sinks.waves import BEHIND, Shaped, shaped
from travio_inventory.events.targets.webhook import WebhookUrl
from travio_inventory.kernel.clock import Clock, SystemClock
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, SinkDown
from travio_inventory.kernel.log_throttle import LogThrottle

ATTRIBUTE_PREFIX = "ce-"
AGENT = "travio-inventory"
CONNECT_S_MAX = 3.0
ANSWER_BYTES_MAX = 4_096
ANSWER_SHOWN_MAX = 200
FAILURES_MAX = 3
"""After so many failures in one call the receiver counts as down."""
PASSED_AFTER = 4
"""An event that failed in so many calls stops its trip no longer: if others arrive, it is refused by itself."""
REFUSED_MAX = 100
"""After so many dead letters in a row the receiver is not the one we mean, or does not know us: it counts as down."""
BACK_OFF_S, BACK_OFF_S_MAX = 0.5, 60.0
RETRY_AFTER_S_MAX = 3_600.0
LATER = frozenset({408, 409, 425, 429})
"""Of the statuses 4xx, those that say: not now."""
IN_HEADERS = "!#$&'()*+,-./:;<=>?@[]^_`{|}~"
"""Signs that the HTTP binding of CloudEvents has as they are; others are %XX."""
TRACE = ("traceparent", "tracestate")
"""Headers that are printable ASCII, and have a form of their own."""

log = logging.getLogger(__name__)


class Letters(Protocol):
    """Keeps what is refused for good."""

    async def add(self, letter: Letter) -> None:
        """Keep it. Raises PublishFailed."""
        ...


class _Refused(NamedTuple):
    """For good."""

    status: int
    answer: str


class _Failed(NamedTuple):
    """Not now: whether it has the message is unknown. It wants to be left alone for so long. Where no connection was
    made, the event `is_no_cause`.
    """

    why: str
    again_in_s: float = 0
    is_no_cause: bool = False


class Webhook:
    """Sink. What is answered with 2xx is published. What is refused for good (4xx, but for LATER) is kept in `letters`,
    and counts as published, unless it refuses everything. After any other answer, or none, the trip waits; after
    FAILURES_MAX of them, or one with Retry-After, all wait, longer and longer.

    One call at a time takes at most `publish_seconds_max`, and so long waits for the calls before it.
    """

    def __init__(self, target: WebhookUrl, letters: Letters, clock: Clock | None = None) -> None:
        """Raises OSError or ValueError if the secrets or a file of TLS cannot be read."""
        self._target = target
        self._letters = letters
        self._clock = clock or SystemClock()
        self._messages = SHAPES[target.shape]
        secrets_of(target.secrets.read())
        self._versions = target.tls.versions() if target.tls else ()
        self._client = _client_of(target)
        self._one_at_a_time = asyncio.Lock()
        self._failed_calls = 0
        """In a row."""
        self._down = ""
        self._again_at = 0.0
        self._failing: dict[str, int] = {}
        """In how many calls an event failed, by id."""
        self._refused_in_a_row = 0
        self._jitter = SystemRandom()
        self._throttle = LogThrottle()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink. Raises PublishFailed, PublishRefused, SinkDown."""
        if not events:
            return
        seconds_max = self._target.publish_seconds_max
        try:
            async with asyncio.timeout(seconds_max):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise PublishFailed(f"events before these took more than {seconds_max} s") from None
        try:
            await self._publish(events)
        finally:
            self._one_at_a_time.release()

    async def _publish(self, events: Sequence[Event]) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._again_at:
            raise SinkDown(f"not asked again for {self._again_at - now:.1f} s: {self._down}")
        try:
            secrets = secrets_of(self._target.secrets.read())
        except (OSError, ValueError) as wrong:
            raise SinkDown(f"secret_file: {wrong}") from wrong
        await self._renew()
        made, refused = shaped(events, self._messages, bytes_max=self._target.message_bytes_max)
        call = _Call(self, secrets, self._failing, now + self._target.publish_seconds_max / 2)
        try:
            await call.post_all(made)
        finally:
            self._failing = call.failing_now([event.id for event in events])
        self._judge(events, call, refused)

    async def _renew(self) -> None:
        """Connect anew if a file of TLS was renewed. Raises SinkDown if they are of no use."""
        versions = self._target.tls.versions() if self._target.tls else ()
        if versions == self._versions:
            return
        try:
            former, self._client = self._client, _client_of(self._target)
        except OSError as wrong:
            raise SinkDown(f"files of TLS: {wrong}") from wrong
        self._versions = versions
        await former.aclose()

    def _judge(self, events: Sequence[Event], call: "_Call", refused: dict[str, str]) -> None:
        """Raise what the call came to, if not all events were published."""
        if call.failed or (call.passed and not call.accepted):
            self._wait(call.failed or [_Failed(why) for why in call.passed.values()])
            raise SinkDown(self._down, call.accepted)
        self._failed_calls = 0
        refused = refused | call.passed
        accepted = {event.id for event in events if event.id in call.accepted}
        if len(accepted) + len(refused) < len(events):
            raise PublishFailed(f"only {len(accepted)} events in half of publish_seconds_max", accepted)
        if refused:
            raise PublishRefused(refused, accepted)

    def _wait(self, failed: Sequence[_Failed]) -> None:
        """Ask again later: the longer, the more calls failed in a row; and no sooner than the receiver wants."""
        self._down = failed[-1].why
        own_s = min(BACK_OFF_S * 2.0**self._failed_calls, BACK_OFF_S_MAX) * self._jitter.uniform(0.75, 1.25)
        self._failed_calls = min(self._failed_calls + 1, 16)
        asked_s = max(one.again_in_s for one in failed)
        self._again_at = asyncio.get_running_loop().time() + max(own_s, asked_s)

    async def post(self, message: Message, secrets: Sequence[bytes]) -> _Refused | _Failed | None:
        """Post the message; None if the receiver has it."""
        try:
            async with (
                asyncio.timeout(self._target.publish_seconds_max / 2),
                self._client.stream(
                    "POST", self._target.url, content=message.body, headers=self._headers(message, secrets)
                ) as response,
            ):
                answer = await _beginning(response)
        except TimeoutError:
            return _Failed(f"no answer within {self._target.publish_seconds_max / 2:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as failed:
            is_away = isinstance(failed, httpx.ConnectError | httpx.ConnectTimeout)
            return _Failed(f"{self._target.server}: {error_in_words(failed)}", is_no_cause=is_away)
        status = response.status_code
        if response.is_success:
            self._refused_in_a_row = 0
            return None
        if response.is_client_error and status not in LATER:
            if self._refused_in_a_row >= REFUSED_MAX:
                return _Failed(f"{self._target.server} answers {status} to everything")
            return _Refused(status, answer)
        return _Failed(f"{self._target.server} answered {status}", self._retry_after_s(response))

    def _headers(self, message: Message, secrets: Sequence[bytes]) -> dict[str, str]:
        at_s = self._clock.now_ms() // 1_000
        message_id = quote(message.id, safe=IN_HEADERS)
        told = message.all_headers(prefix=ATTRIBUTE_PREFIX)
        return {
            **{name.replace("_", "-"): quote(text, safe=IN_HEADERS) for name, text in told.items()},
            **{name: told[name] for name in TRACE if name in told},
            "content-type": message.content_type,
            "accept-encoding": "identity",
            "user-agent": AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(at_s),
            "webhook-signature": signature(secrets, message_id, at_s, message.body),
        }

    def _retry_after_s(self, response: httpx.Response) -> float:
        """How long the receiver wants to be left alone, as seconds or a date; 0 if it does not say."""
        said = response.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            wanted_s = float(said[:9])
        else:
            try:
                at = parsedate_to_datetime(said)
            except ValueError:
                return 0
            wanted_s = at.replace(tzinfo=at.tzinfo or UTC).timestamp() - self._clock.now_ms() / 1_000
        return min(max(wanted_s, 0), RETRY_AFTER_S_MAX)

    async def keep(self, event: Event, refused: _Refused) -> None:
        """Keep the event as a dead letter. Raises PublishFailed."""
        await self._letters.add(Letter(event, self._clock.now_ms(), refused.status, refused.answer))
        self._refused_in_a_row += 1
        if self._throttle.may_log(refused.status):
            log.warning(
                "%s refused %s for good with %d: it is a dead letter (`travio-inventory events dead-letters`)",
                self._target.server,
                event.id,
                refused.status,
                extra={"hold": event.subject, "trip": event.partition_key},
            )

    @property
    def at_once(self) -> int:
        """How many trips are posted at a time."""
        return self._target.at_once


class _Call:
    """One call to publish: trips side by side, each in order. No request begins after `until`, by the loop's clock."""

    def __init__(self, webhook: Webhook, secrets: Sequence[bytes], failing: dict[str, int], until: float) -> None:
        self.accepted: set[str] = set()
        """The ids of the events that the receiver has, or that are dead letters."""
        self.failed: list[_Failed] = []
        self.passed: dict[str, str] = {}
        """Events that failed too often to stop their trip, and those behind them, by id with the reason."""
        self._webhook = webhook
        self._secrets = secrets
        self._failing = failing
        self._failed_now: set[str] = set()
        self._until = until

    async def post_all(self, events: Sequence[Shaped]) -> None:
        """Post them. Raises PublishFailed if a dead letter cannot be kept."""
        trips: dict[str, list[Shaped]] = {}
        for one in events:
            trips.setdefault(one.event.partition_key, []).append(one)
        waiting = iter(trips.values())
        workers = [asyncio.ensure_future(self._work(waiting)) for _ in range(min(self._webhook.at_once, len(trips)))]
        try:
            await asyncio.gather(*workers)
        except PublishFailed as failed:
            raise SinkDown(str(failed), self.accepted) from failed
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, waiting: Iterator[Sequence[Shaped]]) -> None:
        for trip in waiting:
            await self._post_trip(trip)
            if self._is_over:
                return

    @property
    def _is_over(self) -> bool:
        is_down = len(self.failed) + len(self.passed) >= FAILURES_MAX and not self.accepted
        is_told = any(one.again_in_s for one in self.failed)
        return (
            is_down or is_told or len(self.failed) >= FAILURES_MAX or asyncio.get_running_loop().time() >= self._until
        )

    async def _post_trip(self, trip: Sequence[Shaped]) -> None:
        stopped: set[str] = set()
        for event, messages in trip:
            if self._is_over:
                return
            if event.subject in stopped:
                self.passed[event.id] = BEHIND
                continue
            failed = await self._post(event, messages)
            if failed is None:
                self.accepted.add(event.id)
            elif failed.again_in_s or failed.is_no_cause or self._failing.get(event.id, 0) < PASSED_AFTER:
                self.failed.append(failed)
                return
            else:
                self.passed[event.id] = failed.why
                stopped.add(event.subject)

    async def _post(self, event: Event, messages: Sequence[Message]) -> _Failed | None:
        for message in messages:
            answer = await self._webhook.post(message, self._secrets)
            if isinstance(answer, _Failed):
                if not answer.is_no_cause:
                    self._failed_now.add(event.id)
                return answer
            if isinstance(answer, _Refused):
                await self._webhook.keep(event, answer)
                return None
        return None

    def failing_now(self, events: Sequence[str]) -> dict[str, int]:
        """In how many calls those events failed that are not published."""
        known = {name: self._failing.get(name, 0) + (name in self._failed_now) for name in events}
        return {name: times for name, times in known.items() if times and name not in self.accepted}


def _client_of(target: WebhookUrl) -> httpx.AsyncClient:
    """With the files of TLS as they are now. Raises OSError."""
    return httpx.AsyncClient(
        verify=target.tls.context() if target.tls else False,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(target.publish_seconds_max, connect=CONNECT_S_MAX),
        limits=httpx.Limits(max_connections=target.at_once, max_keepalive_connections=target.at_once),
    )


async def _beginning(response: httpx.Response) -> str:
    """The beginning of the answer's body; a longer one is not read."""
    read = b""
    async for part in response.aiter_raw():
        read += part[:ANSWER_BYTES_MAX]
        if len(read) > ANSWER_BYTES_MAX:
            break
    return read[:ANSWER_SHOWN_MAX].decode(errors="replace")
