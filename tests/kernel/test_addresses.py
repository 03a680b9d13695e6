"""Addresses are read as people write them and written so that they can be read again."""

import pytest

from travio_inventory.kernel.addresses import Address, parse_address, plain_host


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("localhost:1", ("localhost", 1)),
        ("localhost", ("localhost", 9083)),
        ("10.0.0.1:9083", ("10.0.0.1", 9083)),
        ("[::1]:65535", ("::1", 65_535)),
        ("[::1]", ("::1", 9083)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("[FE80::A]:1", ("FE80::A", 1)),
    ],
)
def test_an_address_is_read_and_written(text: str, address: tuple[str, int]) -> None:
    found = parse_address(text, port_default=9083)
    assert found == address
    assert parse_address(str(found)) == found


@pytest.mark.parametrize(
    "text", ["", ":1", "::1", "a:", "a:0", "a:65536", "a:b", "a:1:2", "[a]:1", "http://a:1", "a/b", "u@a:1", "[::1]1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not an address$"):
        parse_address(text, port_default=9083)


def test_without_a_default_the_port_must_be_named() -> None:
    with pytest.raises(ValueError, match=r"^is not an address$"):
        parse_address("localhost")
    assert str(Address("::", 19802)) == "[::]:19802"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("10.0.0.1", "10.0.0.1"),
        ("Host-1.example", "Host-1.example"),
        ("[host", "[host"),
        ("host]", "host]"),
    ],
)
def test_a_host_is_plain_without_brackets_and_an_ip_address_in_its_shortest_form(text: str, host: str) -> None:
    assert plain_host(text) == host
