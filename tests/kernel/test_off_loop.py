"""What takes long is done elsewhere, and the event loop goes on."""

import threading

from travio_inventory.kernel.off_loop import AT_ONCE_MAX, off_loop


async def test_much_is_done_in_a_thread_and_little_at_once() -> None:
    here = threading.get_ident()
    assert await off_loop(AT_ONCE_MAX, threading.get_ident) == here
    assert await off_loop(AT_ONCE_MAX + 1, threading.get_ident) != here
    assert await off_loop(AT_ONCE_MAX + 1, int, "7") == 7
