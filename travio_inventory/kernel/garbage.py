"""Very many objects at once: what the garbage collector need not look through, and what is freed little by little."""

from collections import deque
from collections.abc import Sequence
from ctypes import py_object, pythonapi
from functools import cache
from queue import SimpleQueue
from threading import Thread
from weakref import finalize

MANY = 5_000
LITTLE = 500
"""So many are freed in 0.1 ms, without a turn for other threads."""

_untrack = pythonapi.PyObject_GC_UnTrack
_untrack.argtypes, _untrack.restype = (py_object,), None


def leave_to_counting(objects: Sequence[object]) -> None:
    """The objects and what has them refer to text and numbers alone, so that counting references frees them. A
    collector that looks through 100,000 of them keeps everything else waiting for 50 ms.
    """
    deque(map(_untrack, objects), maxlen=0)
    _untrack(objects)


def free_gradually(owner: object, objects: Sequence[object]) -> None:
    """Free the objects little by little, in a thread, once the owner is gone, if there are more than MANY. Freeing
    100,000 of them at once keeps everything else waiting for 20 ms.
    """
    if len(objects) > MANY:
        finalize(owner, _gone().put, [*objects]).atexit = False


@cache
def _gone() -> SimpleQueue[list[object]]:
    """Where the objects go whose owner is gone; an owner goes at any moment, and this queue may be put to then."""
    queue: SimpleQueue[list[object]] = SimpleQueue()
    Thread(target=_free, args=(queue,), name="free gradually", daemon=True).start()
    return queue


def _free(queue: SimpleQueue[list[object]]) -> None:
    while True:
        objects = queue.get()
        while objects:
            del objects[-LITTLE:]
