"""What takes long is done elsewhere, and the event loop goes on."""

import threading

from travio_inventory.kernel.off_loop import AT_ONCE_MAX, off_loop


async def test_much_is_done_in_a_thread_and_little_at_once() -> None:
    here = threading.get_ident()
    assert await off_loop(AT_ONCE_MAX, threading.get_ident) == here
    assert await off_loop(AT_ONCE_MAX + 1, threading.get_ident) != here
    for much in (AT_ONCE_MAX, AT_ONCE_MAX + 1):
        assert await off_loop(much, int, "11", base=2) == 3
