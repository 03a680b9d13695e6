"""Kafka as the services of a shop name it: its brokers, and the topics of orders and of stock."""

from collections.abc import Iterator, Mapping

from travio_inventory.events.choice import JSON_LINES, parse_sinks
from travio_inventory.events.inbound.choice import GROUP, parse_sources
from travio_inventory.settings.component import Component, setting


class KafkaSettings(Component):
    """What chooses a sink and a source of events, unless they are set themselves."""

    brokers: str = setting(
        "KAFKA_BROKERS",
        "",
        "host:port,host:port of Kafka, from where orders come in and where events of stock go, unless TRAVIO_EVENTS_IN "
        "or TRAVIO_EVENTS say otherwise; orders that name no organization are those of TRAVIO_DEFAULT_ORGANIZATION "
        "then; unset = nothing",
    )
    group: str = setting("KAFKA_GROUP_ID", GROUP, "the group of all processes that take orders in from KAFKA_BROKERS")
    stock_topic: str = setting(
        "KAFKA_TOPIC_INVENTORY_EVENTS", "inventory.events", "where events of stock go at KAFKA_BROKERS"
    )
    order_topic: str = setting("KAFKA_TOPIC_ORDER_EVENTS", "order.events", "where orders come in from at KAFKA_BROKERS")

    @property
    def chosen(self) -> Mapping[str, str]:
        """What the settings of events are by these, by their keys; nothing without brokers."""
        if not self.brokers:
            return {}
        servers = ";".join(each.strip() for each in self.brokers.split(","))
        return {
            "events": f"{JSON_LINES},stock=kafka://{servers}?topic={self.stock_topic}&shape=stock",
            "events_in": f"kafka://{servers}?topics={self.order_topic}&group={self.group}",
        }

    def incomplete(self) -> Iterator[str]:
        """What no sink and no source can be made of."""
        try:
            parse_sinks(self.chosen.get("events", "none"))
            parse_sources(self.chosen.get("events_in", "none"))
        except ValueError as wrong:
            yield f"{self.said('brokers')}, its topics and its group: {wrong}"
