"""A mutant that a test notices is killed, and one that none notices is shown."""

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from verification.mutants.judging import TOO_SLOW, WaitsForNothing, in_fork
from verification.mutants.mutated import NAMES, PAGE, ROOT, functions_in, judged_functions, modules_of, write_tree

MODULE = "travio_inventory/kernel/log_throttle.py"


def asleep() -> str:
    """Later than anybody waits."""
    time.sleep(60)
    return "awake"


def at_work() -> str:
    """For longer than anybody waits."""
    while True:
        pass


def in_vain() -> str:
    """For what nobody will ever tell."""

    async def wait() -> str:
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await told

    return asyncio.run(wait())


def in_time() -> str:
    """For a timer, and then for a thread."""

    async def wait() -> str:
        await asyncio.sleep(0.001)
        return await asyncio.to_thread(lambda: "awake")

    return asyncio.run(wait())


SLOW = """
from time import process_time
from travio_inventory.kernel.clock import SystemClock

def test_that_is_slow_and_notices_nothing():
    end_s = process_time() + 0.4
    while process_time() < end_s:
        SystemClock().now_ms()
"""


def judged(*tests: str, module: str = MODULE, seconds: float = 5) -> str:
    """What the program prints of one module."""
    asked = [sys.executable, "-m", "verification.mutants", module, "--seconds", str(seconds), "--tests", *tests]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.once
def test_what_no_test_notices_is_shown_and_the_rest_is_counted() -> None:
    told = judged("tests/kernel/test_log_throttle.py")
    assert f"| `{MODULE}` | 14 | 12 | 2 |" in told
    assert "\n-    self._said[thing] = True\n+    self._said[thing] = False\n" in told


@pytest.mark.once
def test_nothing_is_killed_where_no_test_reaches() -> None:
    assert f"| `{MODULE}` | 14 | 0 | 14 |" in judged("tests/kernel/test_ids.py")


@pytest.mark.once
def test_a_slow_test_kills_nothing_by_being_slow(tmp_path: Path) -> None:
    slow = tmp_path / "test_slow.py"
    slow.write_text(SLOW)
    said = judged(str(slow), module="travio_inventory/kernel/clock.py", seconds=0.1)
    assert re.search(r"\| (\d+) \| 0 \| \1 \|", said), "none is killed"


def test_a_mutant_that_never_ends_is_stopped() -> None:
    assert in_fork(lambda: "a test", 20) == "a test"
    assert in_fork(asleep, 0.1) == TOO_SLOW
    assert in_fork(at_work, 0.1) == TOO_SLOW


def test_a_mutant_that_waits_for_nothing_fails_at_once_and_one_that_waits_for_something_does_not() -> None:
    assert in_fork(in_vain, 20) == repr(WaitsForNothing())
    assert in_fork(in_time, 20) == "awake"


def test_a_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"seats/no\.py does not exist"):
        write_tree(tmp_path, modules_of(["travio_inventory/seats/no.py"]), only_changed=False)
    assert not (tmp_path / NAMES).exists()


AS_IT_WAS = """
class Line:
    def length(self) -> int:
        \"\"\"In metres.\"\"\"
        return 2 * self.half  # both halves

    def width(self) -> int:
        return 1

def area(line: Line) -> int:
    return 3
"""


def test_only_what_a_function_does_makes_it_another_one() -> None:
    explained = AS_IT_WAS.replace("In metres.", "Of both halves.").replace("  # both halves", "")
    assert functions_in(explained) == functions_in(AS_IT_WAS)
    changed = functions_in(AS_IT_WAS.replace("2 *", "4 *"))
    assert {name for name, does in functions_in(AS_IT_WAS).items() if changed[name] != does} == {"xǁLineǁlength"}


def test_what_is_judged_stands_in_the_page_or_is_not_judged_at_all() -> None:
    for module in ("kernel/clock.py", "protocol/ages.py"):
        assert PAGE.read_text().count(f"| `{module}` |") == 1
    assert judged_functions(Path("travio_inventory/kernel/no.py")) == {}
