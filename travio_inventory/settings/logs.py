"""What the service logs."""

from typing import Literal

from pydantic import field_validator

from travio_inventory.settings.component import Component, setting

WORKERS_MAX = 64
"""Of one service."""


class LogSettings(Component):
    """Which lines are logged, and in what form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("LOG_LEVEL", "INFO", "lowest level to log")
    format: Literal["text", "json"] = setting("LOG_FORMAT", "text", "format of log lines, on standard error")

    worker: int = setting(
        "WORKER", 0, "number of the process in its log lines; serve --workers sets it", ge=0, le=WORKERS_MAX - 1
    )

    @field_validator("level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value
