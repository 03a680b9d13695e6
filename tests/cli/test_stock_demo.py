"""The demo of stock sells exactly what there is, says so, and would say if it did not."""

import io

import pytest

from tests.typed import Type
from travio_inventory.cli.exits import Exit
from travio_inventory.cli.screen import Screen
from travio_inventory.cli.stock_demo import BUYERS, UNITS, Sale, _wrong, show_stock_sale


@pytest.mark.parametrize(
    "buyers",
    [
        pytest.param(150, marks=pytest.mark.once),
        pytest.param(BUYERS, marks=[pytest.mark.thorough, pytest.mark.timeout(600)]),
    ],
)
async def test_all_units_are_sold_and_every_other_buyer_is_told_that_they_are(buyers: int) -> None:
    out = io.StringIO()
    assert await show_stock_sale(Screen(out=out), buyers) is Exit.DONE
    said = out.getvalue()
    assert f"{buyers:,} buyers, {UNITS} sold, {buyers - UNITS:,} told that it is sold out." in said
    before, _, after = said.partition("Before:")[2].partition("The winners have paid:")
    assert "north  " + "#" * 50 + "  50 free, 0 reserved" in before
    assert "north  " + "." * 50 + "  0 free, 0 reserved" in after
    assert max(map(len, said.splitlines())) <= 80


def test_a_sale_of_too_few_is_said_to_be_wrong() -> None:
    said = list(_wrong(Sale(5, refused=4), []))
    assert said == ["0 units were sold to 0 buyers, and there were 100", "4 buyers have an answer, and 5 came"]


@pytest.mark.parametrize("other", ["--stay", "--file=x.toml"])
def test_goods_are_sold_without_the_options_of_seats(typed: Type, other: str) -> None:
    answer = typed("demo", "--stock", other)
    assert (answer.status, answer.out) == (2, "")
    assert "--stock sells goods: it goes without --file and --stay" in answer.err
