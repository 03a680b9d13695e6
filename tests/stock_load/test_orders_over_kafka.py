"""Orders told over Kafka are answered over Kafka, each step of each."""

from pathlib import Path

import pytest

from verification.orders_over_kafka import STEPS, measured


@pytest.mark.thorough
async def test_each_step_of_each_order_is_heard_of(tmp_path: Path) -> None:
    found = await measured(tmp_path, "sqlite", 20, 20.0)
    assert found.keys() == STEPS.keys()
    assert all(0 < each["p50"] <= each["max"] for each in found.values())
