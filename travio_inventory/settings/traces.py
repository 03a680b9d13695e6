"""Whether traces are recorded, which, and where they go."""

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Literal

from pydantic import field_validator

from travio_inventory.kernel.addresses import parse_web_address
from travio_inventory.settings.component import Component, setting
from travio_inventory.telemetry.sampling import Sampler

_SHARE = re.compile(r"[0-9]*\.?[0-9]+(e-[0-9]+)?", re.IGNORECASE)


class TraceSettings(Component):
    """Traces by OpenTelemetry, in its own variables. Its other variables are read by its library."""

    forms = MappingProxyType({"endpoint": "an address with http:// or https://", "sampler_arg": "a number from 0 to 1"})

    kind: Literal["off", "otlp"] = setting(
        "TRACES", "off", "whether traces are recorded; OTEL_EXPORTER_OTLP_ENDPOINT selects otlp"
    )
    endpoint: str = setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        "collector that traces are sent to, by OTLP over HTTP, as http://collector:4318; unset only without traces",
    )
    service: str = setting("OTEL_SERVICE_NAME", "travio-inventory", "name of the service in traces")
    sampler: Sampler = setting(
        "OTEL_TRACES_SAMPLER",
        "parentbased_traceidratio",
        "which traces are recorded: with parentbased_ as the caller's trace says, else by the rest of the name",
    )
    sampler_arg: str = setting(
        "OTEL_TRACES_SAMPLER_ARG", "0.01", "with traceidratio: the share of the traces that begin here"
    )

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value:
            parse_web_address(value)
        return value

    @field_validator("sampler_arg")
    @classmethod
    def _is_share(cls, value: str) -> str:
        if not _SHARE.fullmatch(value) or float(value) > 1:
            raise ValueError("is no such share")
        return value

    def incomplete(self) -> Iterator[str]:
        """Traces go somewhere."""
        if self.kind == "otlp" and not self.endpoint:
            yield f"{self.said('kind')} needs OTEL_EXPORTER_OTLP_ENDPOINT"
