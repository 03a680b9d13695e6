"""Which steps of the code a run takes: from line to line, of the modules that read a peer's bytes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, Final

import travio_inventory.grpc_server as package

FOLDER: Final = f"{package.__path__[0]}/"
Step = tuple[CodeType, int, int]


class Steps:
    """All steps that were taken so far, and those that were new since the last question."""

    def __init__(self) -> None:
        self.taken: set[Step] = set()
        self._are_ours: dict[CodeType, bool] = {}

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the steps of what runs inside."""
        sys.settrace(self._called)
        try:
            yield
        finally:
            sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _: Any) -> Callable[..., Any] | None:  # noqa: ANN401 - sys.settrace's
        code = frame.f_code
        is_ours = self._are_ours.get(code)
        if is_ours is None:
            is_ours = self._are_ours[code] = code.co_filename.startswith(FOLDER)
        if not is_ours:
            return None
        last, taken = 0, self.taken

        def stepped(frame: FrameType, _event: str, _: Any) -> Callable[..., Any]:  # noqa: ANN401 - sys.settrace's
            nonlocal last
            line = frame.f_lineno
            taken.add((code, last, line))
            last = line
            return stepped

        return stepped
