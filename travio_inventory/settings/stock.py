"""Whether stock is kept beside the seats."""

from travio_inventory.settings.component import Component, setting


class StockSettings(Component):
    """What is served of stock: goods by stock keeping unit and warehouse."""

    is_on: bool = setting("STOCK", True, "whether stock is served beside the seats")
