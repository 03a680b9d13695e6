"""The commands about dead letters: list and show them, have them given again, or discard them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import anyio
from cyclopts import Parameter
from cyclopts.validators import Number

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.letter_desk import DISCARDED, LetterDesk, open_letter_desk
from travio_inventory.cli.asking import NOBODY, answer_to, may_ask
from travio_inventory.cli.connection_options import AsJson, fail
from travio_inventory.cli.exits import Exit, Failure
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.server import settings_or_none
from travio_inventory.cli.starting import cannot_start
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Status, StoredLetter
from travio_inventory.protocol.dead_letters import DeadLetters

COLUMNS = ("dead since (UTC)", "way", "of", "topic or type", "event", "bytes", "reason", "letter")
ID_CHARS_MIN = 6
SHOWN_CHARS = 12
"""Of a letter's id in the table: enough to tell it from others."""
BODY_SHOWN_MAX = 4_096
POLL_S = 0.25
WAIT_S_DEFAULT = 30

Of = Annotated[str, Parameter(name="--of", help="The name of a source or a sink; by default all of them.")]
Ids = Annotated[tuple[str, ...], Parameter(help="Letters, as the list names them: 6 characters or more of each.")]
All = Annotated[bool, Parameter(name="--all", negative="", help="All letters, or with --of all of that one.")]


class _Found(NamedTuple):
    of: LetterList
    told: StoredLetter


class _Wrong(Exception):
    """What was typed names no letter, or several."""


def dead_letters(letter: str = "", *, of: Of = "", as_json: AsJson = False) -> Exit:
    """List what came in and can never take effect as it is, and what webhooks refused for good; or show one letter.

    It works on the store that the settings name, not through a service. With --json one line for each letter.
    """
    screen = Screen(as_json=as_json)

    async def work(desk: LetterDesk) -> Exit:
        letters = desk.letters
        if letter:
            [found] = await _chosen(letters, (letter,), of)
            whole = await letters.read(found.of, found.told.id, whole=True)
            _show(screen, found._replace(told=whole or found.told))
            return Exit.DONE
        listed = await _listed(letters, of)
        if as_json:
            for each in listed:
                screen.line(_plain(each))
        else:
            screen.table(COLUMNS, [_row(each) for each in listed])
        return Exit.DONE

    return _on_the_store(screen, work, writes=False)


def requeue(
    letters: Ids = (),
    /,
    *,
    all_: All = False,
    of: Of = "",
    wait: Annotated[
        int, Parameter(help="Seconds to wait for what comes of them; 0 = do not.", validator=Number(gte=0, lte=3_600))
    ] = WAIT_S_DEFAULT,
    as_json: AsJson = False,
) -> Exit:
    """Have dead letters given again, to the consumer of their source, where each takes effect once, or to a webhook.

    A process that takes events in, or that relays, does it within seconds. They come late, and so out of order. Status
    0: all are over; 1: some are as dead as before, with the reason told; 3: some still wait for a process.
    """
    screen = Screen(as_json=as_json)

    async def work(desk: LetterDesk) -> Exit:
        status = Exit.DONE
        found = await _chosen(desk.letters, letters, of, whole_list=all_)
        if not found:
            _say_none(screen, of)
        for each in found:
            if not each.told.letter.is_cut and each.told.status is Status.KEPT:
                await desk.requeue(each.of, each.told)
        until_s = anyio.current_time() + wait
        for each in found:
            told = await _ended(desk.letters, each, until_s)
            status = max(status, _tell(screen, each, told), key=lambda exit_: exit_.value)
        return status

    return _on_the_store(screen, work, writes=True)


def discard(
    letters: Ids = (),
    /,
    *,
    all_: All = False,
    of: Of = "",
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> Exit:
    """Forget dead letters: they take effect never. It asks, unless --yes says so."""
    screen = Screen(as_json=as_json)

    async def work(desk: LetterDesk) -> Exit:
        found = await _chosen(desk.letters, letters, of, whole_list=all_)
        if not found:
            _say_none(screen, of)
            return Exit.DONE
        if not yes:
            if not may_ask():
                raise _Wrong(NOBODY)
            asked = f"Discard {len(found)} dead letters for ever? [y/N] "
            if (await anyio.to_thread.run_sync(answer_to, asked)).lower() not in {"y", "yes"}:
                return Exit.NO
        status = Exit.DONE
        for each in found:
            done = await desk.discard(each.of, each.told)
            status = status if done else Exit.ASK_AGAIN
            said = DISCARDED if done else "it has just changed: look at it again"
            _say(screen, each, said, "green" if done else "yellow")
        return status

    return _on_the_store(screen, work, writes=True)


def _on_the_store(screen: Screen, work: Callable[[LetterDesk], Awaitable[Exit]], *, writes: bool) -> Exit:
    settings = settings_or_none()
    if settings is None:
        return Exit.WRONG
    if settings.store.kind == "memory":
        said = "TRAVIO_STORE=memory is in the memory of its process alone: nobody else sees its dead letters"
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", said))

    async def opened() -> Exit:
        async with open_letter_desk(settings, writes=writes) as desk:
            return await work(desk)

    try:
        return asyncio.run(opened())
    except _Wrong as wrong:
        return fail(screen, Failure(Exit.WRONG, "INVALID_ARGUMENT", str(wrong)))
    except StartFailed as failed:
        return fail(screen, cannot_start(failed))
    except (BackendUnavailable, OutcomeUnknown) as failed:
        return fail(screen, Failure(Exit.ASK_AGAIN, failed.reason, str(failed)))
    except KeyboardInterrupt:
        return fail(screen, Failure(Exit.INTERRUPTED, "INTERRUPTED", "interrupted"))


async def _listed(letters: DeadLetters, of: str) -> list[_Found]:
    """Those of that name, or all."""
    lists = [each for each in await letters.lists() if of in ("", each.of)]
    return [_Found(each, told) for each in lists async for told in letters.each(each)]


async def _chosen(letters: DeadLetters, ids: Sequence[str], of: str, *, whole_list: bool = False) -> list[_Found]:
    """The letters that are named. Raises _Wrong."""
    if bool(ids) == whole_list:
        raise _Wrong("name letters, or say --all")
    listed = await _listed(letters, of)
    if whole_list:
        return listed
    found = []
    for each in ids:
        meant = [one for one in listed if one.told.id.startswith(each)] if len(each) >= ID_CHARS_MIN else []
        if len(meant) != 1:
            what = "no dead letter begins with it" if len(each) >= ID_CHARS_MIN and not meant else "write more of it"
            raise _Wrong(f"{each}: {what} (`travio-inventory events dead-letters` lists them)")
        found += meant
    return found


async def _ended(letters: DeadLetters, found: _Found, until_s: float) -> StoredLetter | None:
    """The letter once it is over or kept again, or as it is by then; None if it is gone."""
    while True:
        told = await letters.read(found.of, found.told.id)
        if told is None or told.status is not Status.WANTED or anyio.current_time() >= until_s:
            return told
        await anyio.sleep(POLL_S)


def _tell(screen: Screen, found: _Found, told: StoredLetter | None) -> Exit:
    if told is None or told.status is Status.OVER:
        _say(screen, found, told.outcome if told else "over", "green")
        return Exit.DONE
    if told.letter.is_cut:
        _say(screen, found, "still dead: it was too long to be kept whole: its sender must send it again", "red")
        return Exit.NO
    if told.status is Status.KEPT:
        _say(screen, found, f"still dead: {told.letter.reason}: {told.letter.said}", "red")
        return Exit.NO
    _say(screen, found, "waits: no process has given it again yet", "yellow")
    return Exit.ASK_AGAIN


def _say(screen: Screen, found: _Found, said: str, color: str) -> None:
    if screen.as_json:
        screen.line({"letter": found.told.id, "way": found.of.way, "of": found.of.of, "said": said})
    else:
        screen.say(f"{found.told.id[:SHOWN_CHARS]} of {found.of.of}: {said}", color)


def _say_none(screen: Screen, of: str) -> None:
    if not screen.as_json:
        screen.say(f"there are no dead letters{f' of {of}' if of else ''}")


def _row(found: _Found) -> tuple[str, ...]:
    letter = found.told.letter
    what = (letter.topic, letter.event or "-", str(letter.size), letter.reason, found.told.id[:SHOWN_CHARS])
    return (_time(letter.at_ms), found.of.way, found.of.of, *what)


def _plain(found: _Found) -> dict[str, object]:
    """The letter for programs, without its body."""
    told, letter = found.told, found.told.letter
    names = ("at_ms", "reason", "said", "topic", "place", "event", "size", "sent_at_ms", "content_type", "is_cut")
    known = {"letter": told.id, "way": found.of.way, "of": found.of.of, "status": told.status, "tries": told.tries}
    return {**known, **{name: getattr(letter, name) for name in names}}


def _show(screen: Screen, found: _Found) -> None:
    letter = found.told.letter
    headers = {name: value.decode(errors="replace") for name, value in letter.headers}
    if screen.as_json:
        key = None if letter.key is None else letter.key.decode(errors="replace")
        screen.line({**_plain(found), "key": key, "headers": headers, "body": _text(letter)})
        return
    shown = {**_plain(found), "at_ms": f"{letter.at_ms} ({_time(letter.at_ms)} UTC)"}
    for name, value in {**shown, **headers}.items():
        screen.say(f"{name}: {value}")
    body = _text(letter)
    screen.say("")
    screen.say(body[:BODY_SHOWN_MAX])
    if len(body) > BODY_SHOWN_MAX:
        screen.say(f"(and {len(body) - BODY_SHOWN_MAX} characters more: --json shows them)")


def _text(letter: DeadLetter) -> str:
    return letter.body.decode(errors="backslashreplace")


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
