"""The settings of a service for one test."""

from pathlib import Path

import pytest

from travio_inventory.settings import Settings
from verification.kit.in_process import settings_of


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A service for this test."""
    return settings_of(tmp_path)
