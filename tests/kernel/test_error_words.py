"""What errors say: none is told without a text."""

import asyncio
import re
from pathlib import Path

import pytest

import travio_inventory
from travio_inventory.kernel.error_words import answered_within, error_in_words

SOURCES = Path(travio_inventory.__file__).parent
BY_HAND = re.compile(r"type\((\w+)\)\.__name__\}?(: \{|, )\1\b")
"""The type and the text of an error, one after the other."""


def test_an_error_is_its_type_and_its_text_and_one_without_a_text_its_type() -> None:
    assert error_in_words(ValueError("no such seat")) == "ValueError: no such seat"
    assert error_in_words(ConnectionResetError()) == "ConnectionResetError"


async def test_a_wait_that_was_too_long_says_how_long_it_was() -> None:
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.01 s$"):
        async with answered_within(0.01):
            await asyncio.Event().wait()


async def test_a_timeout_of_what_was_waited_for_is_told_as_it_is() -> None:
    with pytest.raises(TimeoutError, match=r"^the other end$"):
        async with answered_within(60):
            raise TimeoutError("the other end")


def test_nobody_puts_type_and_text_together_by_hand() -> None:
    """It would end with nothing behind its colon wherever an error has no text."""
    sources = [path for path in SOURCES.rglob("*.py") if path.name != "error_words.py"]
    assert [path.name for path in sources if BY_HAND.search(path.read_text())] == []
