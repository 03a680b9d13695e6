"""Reads the properties of any message of AMQP: the library ends the connection at those that it cannot read.

Then the broker hands the message over again, to each process in turn, and nothing behind it ever arrives.
"""

from pamqp.commands import Basic

from travio_inventory.kernel.error_words import error_in_words

UNREADABLE = "travio-unreadable"
"""The one header of a message whose properties cannot be read: why."""

_read = Basic.Properties.unmarshal


def read_any_properties() -> None:
    """From now on, on all connections of this process."""
    setattr(Basic.Properties, _read.__name__, _read_or_say_why)


def _read_or_say_why(properties: Basic.Properties, flags: int, data: bytes) -> None:
    try:
        _read(properties, flags, data)
    except Exception as wrong:  # noqa: BLE001 - a text that is no UTF-8, a moment beyond all years, a table too deep
        for name in properties.__slots__:
            setattr(properties, name, None)
        properties.headers = {UNREADABLE: f"its properties cannot be read: {error_in_words(wrong)}"}
