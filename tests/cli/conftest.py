"""What several tests of commands type them against."""

from secrets import token_hex

import pytest

from tests.typed import Type, Typed
from verification.kit.service_process import ServiceProcess


@pytest.fixture
def shop(server: ServiceProcess, typed: Type) -> Type:
    """Types a command about stock, for an organization of its own."""
    environment = {"TRAVIO_TARGET": server.target, "TRAVIO_ORGANIZATION": token_hex(4), "TRAVIO_USER": "ann"}

    def type_words(*words: str, **others: str) -> Typed:
        return typed("stock", *words, **environment, **others)

    return type_words
