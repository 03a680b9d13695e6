"""A webhook on good and bad days: signed, in order, retried, and its dead letters; a process of its own receives."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import anyio
import pytest

from tests.events.events import event
from tests.events.kept_letters import SHOP_OUT, all_of, in_memory, whole
from tests.events.selling import Service, on_sale, sell
from travio_inventory.events.choice import parse_sink
from travio_inventory.events.sinks import webhook as module
from travio_inventory.events.sinks.dead_letters import SinkLetters, event_of
from travio_inventory.events.sinks.signing import secrets_of, signature
from travio_inventory.events.sinks.webhook import Webhook
from travio_inventory.events.targets.webhook import WebhookUrl
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, SinkDown
from travio_inventory.protocol.dead_letters import DeadLetters
from verification.servers.webhook_receiver import SECRET, WebhookReceiver, webhook_receiver

Hook = Callable[..., AbstractAsyncContextManager[Webhook]]


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebhookReceiver]:
    with webhook_receiver(tmp_path_factory.mktemp("receiver")) as started:
        yield started


@pytest.fixture
def own_receiver(tmp_path: Path) -> Iterator[WebhookReceiver]:
    """A receiver to kill."""
    with webhook_receiver(tmp_path) as started:
        yield started


@pytest.fixture
def path() -> str:
    return f"/{token_hex(8)}"


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that failed is asked again at once."""
    monkeypatch.setattr(module, "BACK_OFF_S", 0.0)


def target(url: str, folder: Path, more: str = "") -> WebhookUrl:
    file = folder / "secrets"
    if not file.exists():
        file.write_text(f"{SECRET}\n")
    made = parse_sink(f"{url}#secret_file={file}{more}").target
    assert isinstance(made, WebhookUrl)
    return made


@pytest.fixture
def letters() -> DeadLetters:
    return in_memory()


@pytest.fixture
def hook(receiver: WebhookReceiver, path: str, tmp_path: Path, letters: DeadLetters) -> Hook:
    @asynccontextmanager
    async def opened(more: str = "") -> AsyncIterator[Webhook]:
        async with Webhook(target(receiver.url + path, tmp_path, more), SinkLetters(letters, "shop")) as made:
            yield made

    return opened


def of_trip(trip: str, *names: str) -> list[Event]:
    """Events of one trip, each of a hold of its own."""
    return [replace(event(f"{trip}.{name}"), subject=f"{trip}~{name}", partition_key=trip) for name in names]


async def published_in_rounds(hook: Webhook, events: list[Event]) -> None:
    """As a relay does: what was accepted is not published again."""
    left = events
    with anyio.fail_after(60):
        while left:
            try:
                await hook.publish(left)
                left = []
            except PublishFailed as failed:
                left = [one for one in left if one.id not in failed.accepted]
            await anyio.sleep(0.02)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    secrets = secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    said = signature(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_message_is_signed_by_every_secret_and_carries_its_event(
    hook: Hook, receiver: WebhookReceiver, path: str, tmp_path: Path
) -> None:
    """The receiver knows only the second; it takes what one signature fits."""
    (tmp_path / "secrets").write_text("whsec_" + "b" * 40 + f"\n{SECRET}\n")
    async with hook() as opened:
        await opened.publish([event("1")])
        (tmp_path / "secrets").write_text("whsec_" + "b" * 40)
        await opened.publish([event("2")])
    first, second = receiver.got(path)
    assert (first["status"], second["status"]) == (204, 401)
    assert len(first["headers"]["webhook-signature"].split(" ")) == 2
    assert first["headers"]["event-type"] == "hold.created"
    assert json.loads(first["body"])["id"] == first["id"] == "1"


async def test_cloudevents_have_attributes_in_headers_as_the_binding_of_http_writes_them(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    async with hook("&shape=cloudevents") as opened:
        await opened.publish([replace(event("1"), partition_key="Tür 7%")])
    (got,) = receiver.got(path)
    assert got["headers"]["ce-partitionkey"] == "T%C3%BCr%207%25"
    assert got["headers"]["ce-type"] == "travio.inventory.hold.created.v1"


@pytest.mark.usefixtures("soon")
async def test_trips_arrive_in_order_side_by_side_whatever_fails(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    receiver.plan(
        path,
        {"about": "b.2", "times": 2, "status": 503},
        {"about": "d.1", "times": 1, "status": 429, "headers": {"retry-after": "0"}},
        {"about": "c.3", "times": 1, "status": 302, "headers": {"location": "/elsewhere"}},
    )
    events = [one for number in "1234" for trip in "abcde" for one in of_trip(trip, number)]
    async with hook("&at_once=3") as opened:
        await published_in_rounds(opened, events)
    for trip in "abcde":
        taken = [name for name in receiver.taken(path) if name.startswith(trip)]
        assert taken == [f"{trip}.{number}" for number in "1234"]
    assert receiver.got("/elsewhere") == []


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_an_answer_without_a_body_takes_the_message(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters, status: int
) -> None:
    receiver.plan(path, {"status": status, "is_empty": True})
    async with hook() as opened:
        await opened.publish(of_trip("a", "1", "2"))
    assert receiver.taken(path) == ["a.1", "a.2"]
    assert await letters.lists() == []


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirection_is_not_followed_and_the_message_is_sent_again(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters, status: int
) -> None:
    """Wherever it leads: what is signed for one receiver is for no other."""
    elsewhere = f"{path}-elsewhere"
    receiver.plan(path, {"times": 1, "status": status, "headers": {"location": receiver.url + elsewhere}})
    async with hook() as opened:
        with pytest.raises(SinkDown, match=f"answered {status}"):
            await opened.publish([event("1")])
        await opened.publish([event("1")])
    assert [one["status"] for one in receiver.got(path)] == [status, 204]
    assert receiver.got(elsewhere) == []
    assert await letters.lists() == []


async def test_what_is_refused_for_good_is_a_dead_letter_and_the_next_goes_on(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters
) -> None:
    receiver.plan(path, {"about": "a.2", "status": 422})
    async with hook() as opened:
        await opened.publish(of_trip("a", "1", "2", "3"))
    assert receiver.taken(path) == ["a.1", "a.3"]
    [letter] = await whole(letters, SHOP_OUT)
    assert (event_of(letter), letter.reason, letter.said) == (of_trip("a", "2")[0], "HTTP_422", "answer 422")
    assert (letter.topic, letter.event, letter.place) == ("hold.created", "a.2", "a~2")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("status", [408, 409, 425, 429, 500])
async def test_what_is_refused_for_now_is_no_dead_letter(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters, status: int
) -> None:
    receiver.plan(path, {"times": 1, "status": status})
    async with hook() as opened:
        with pytest.raises(SinkDown, match=str(status)):
            await opened.publish([event("1")])
        await opened.publish([event("1")])
    assert receiver.taken(path) == ["1"]
    assert await letters.lists() == []


async def test_retry_after_is_kept_and_nothing_is_asked_meanwhile(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    receiver.plan(path, {"times": 1, "status": 503, "headers": {"Retry-After": "600"}})
    async with hook() as opened:
        for _ in range(3):
            with pytest.raises(SinkDown, match="503"):
                await opened.publish(of_trip("a", "1") + of_trip("b", "1"))
    assert len(receiver.got(path)) <= 2


async def test_a_receiver_that_does_not_answer_is_given_up_in_time_and_left_alone(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    receiver.plan(path, {"delay_s": 5})
    async with hook("&publish_seconds_max=2") as opened:
        with anyio.fail_after(60), pytest.raises(SinkDown, match="no answer within 1 s"):
            await opened.publish([event("1")])
        with pytest.raises(SinkDown, match="not asked again"):
            await opened.publish([event("1")])


@pytest.mark.usefixtures("soon")
async def test_an_event_that_always_fails_stops_its_hold_alone_in_the_end(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    """First its trip waits for it, for the trouble may pass; then only it and its hold are set aside."""
    receiver.plan(path, {"about": "a.1", "status": 500})
    events = of_trip("a", "1", "2")
    events.append(replace(events[0], id="a.1b", ordinal=1))
    async with hook() as opened:
        for _ in range(module.PASSED_AFTER):
            with pytest.raises(SinkDown):
                await opened.publish(events)
            assert receiver.taken(path) == []
        with pytest.raises(PublishRefused) as refused:
            await opened.publish(events)
    assert set(refused.value.refused) == {"a.1", "a.1b"}
    assert refused.value.accepted == {"a.2"}
    assert receiver.taken(path) == ["a.2"]


@pytest.mark.usefixtures("soon")
async def test_a_receiver_that_refuses_everything_counts_as_down(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFUSED_MAX", 2)
    receiver.plan(path, {"times": 3, "status": 404})
    events = of_trip("a", "1", "2", "3", "4")
    async with hook() as opened:
        with pytest.raises(SinkDown, match="answers 404 to everything"):
            await opened.publish(events)
        assert {letter.event for letter in await whole(letters, SHOP_OUT)} == {"a.1", "a.2"}
        await opened.publish(events[2:])
    assert receiver.taken(path) == ["a.3", "a.4"]


async def test_letters_that_cannot_be_kept_have_the_sink_wait(
    receiver: WebhookReceiver, path: str, tmp_path: Path
) -> None:
    receiver.plan(path, {"status": 400})
    full = SinkLetters(in_memory(letters_max=1), "shop")
    async with Webhook(target(receiver.url + path, tmp_path), full) as opened:
        with pytest.raises(SinkDown, match="no room for more"):
            await opened.publish(of_trip("a", "1", "2"))


@pytest.mark.usefixtures("soon")
async def test_a_relay_keeps_order_and_loses_nothing_though_answers_fail_at_random(
    hook: Hook, receiver: WebhookReceiver, path: str
) -> None:
    receiver.plan(path, {"about": "~1", "times": 3, "status": 500}, {"about": "~0", "times": 2, "status": 425})
    async with hook() as opened:
        service = Service(*await on_sale(), shop=opened)
        ids = await sell(service, range(1, 7))
        with anyio.fail_after(60):
            while len(set(receiver.taken(path))) < len(ids):
                await rounds(service)
    taken = receiver.taken(path)
    assert set(taken) == set(ids)
    for name in ids[::2]:
        hold = name.removesuffix("~0")
        assert [one for one in dict.fromkeys(taken) if one.startswith(hold)] == [f"{hold}~0", f"{hold}~1"]


async def rounds(service: Service) -> None:
    try:
        await service.assembly.relays["shop"].round()
    except PublishFailed:
        await anyio.sleep(0.02)


@pytest.mark.once
@pytest.mark.usefixtures("soon")
async def test_a_receiver_that_is_killed_loses_nothing_it_took_and_gets_the_rest(
    own_receiver: WebhookReceiver, tmp_path: Path
) -> None:
    """Its answer says that the message is on its disk; killed before it answers, it gets the message again."""
    events = [one for number in range(60) for trip in "abc" for one in of_trip(trip, f"{number:02}")]
    letters = SinkLetters(in_memory(), "shop")
    async with Webhook(target(f"{own_receiver.url}/x", tmp_path), letters) as opened, anyio.create_task_group() as both:
        both.start_soon(published_in_rounds, opened, events)
        for _ in range(3):
            await anyio.sleep(0.1)
            await anyio.to_thread.run_sync(own_receiver.process.kill)
            await anyio.to_thread.run_sync(own_receiver.start)
    taken = own_receiver.taken("/x")
    for trip in "abc":
        of_one = [name for name in dict.fromkeys(taken) if name.startswith(trip)]
        assert of_one == [f"{trip}.{number:02}" for number in range(60)]


async def test_an_event_that_is_refused_again_is_the_same_letter(
    hook: Hook, receiver: WebhookReceiver, path: str, letters: DeadLetters
) -> None:
    """After a crash between the letter and the note that the event is published."""
    receiver.plan(path, {"status": 410})
    async with hook() as opened:
        for _ in range(2):
            await opened.publish([event("1")])
    [told] = await all_of(letters, SHOP_OUT)
    assert (told.tries, (await letters.count(SHOP_OUT)).letters) == (0, 1)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("https://h/hush", "needs secret_file=FILE"),
        ("https://ann:hush@h/#secret_file=/s", "user or password"),
        ("https://a;b/#secret_file=/s", "several servers"),
        ("https://#secret_file=/s", "names no servers"),
        ("https://h:x/#secret_file=/s", "names no servers"),
        ("https://h/hush hush#secret_file=/s", "without spaces"),
        ("https://h/#secret_file=/s&tls=off", "its URL contradicts"),
        ("http://h/#secret_file=/s&tls=on", "its URL contradicts"),
        ("https://h/#secret_file=/s&at_once=65", "wrong at_once: allowed is a whole number from 1 to 64"),
        ("https://h/#secret_file=/s&secret=hush", "an option 'secret', which is not known"),
        (f"https://h/{'a' * 2_048}#secret_file=/s", "up to 2048 characters"),
    ],
)
def test_a_wrong_url_of_a_webhook_is_reported_without_its_secrets(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong) as raised:
        parse_sink(text)
    assert "hush" not in str(raised.value)


def test_a_webhook_is_reached_as_the_url_says_and_its_path_is_never_shown() -> None:
    made = parse_sink("https://h/hush?key=hush#secret_file=/s&shape=trips&ca_file=/ca&at_once=2").target
    assert isinstance(made, WebhookUrl)
    assert (made.url, str(made.server), made.shape, made.at_once) == ("https://h/hush?key=hush", "h:443", "trips", 2)
    assert "hush" not in repr(made) + made.place


@pytest.mark.parametrize("text", ["", "whsec_short", "b" * 40, "whsec_" + "b" * 40 + "\n" + "no"])
def test_a_wrong_secret_is_reported_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="secret") as raised:
        secrets_of(text)
    assert not text or text not in str(raised.value)
