"""The commands about stock with their help."""

from travio_inventory.cli.command import Command

STOCK_BEGIN = """\
To begin, with a service running in another terminal:
  travio-inventory stock warehouse-add north North --region eu
  travio-inventory stock add cup-blue north --product cup --quantity 100
  travio-inventory stock adjust cup-blue north -2 --type damage --reason "fell from the shelf"
  travio-inventory stock list\
"""
TRANSFER = "88336785"
ORDER = "5f0a3c1e"
STOCK_COMMANDS = (
    Command("stock warehouse-add", "stock.warehouses:add", "Add a warehouse.", "north North --region eu"),
    Command("stock warehouses", "stock.warehouses:show_all", "List the warehouses, by priority."),
    Command(
        "stock add",
        "stock.entries:add",
        "Begin to keep a sku in a warehouse, with its opening stock.",
        "cup-blue north --product cup --quantity 100",
    ),
    Command("stock list", "stock.entries:show_list", "List entries: what lies where.", "--region eu --low"),
    Command("stock show", "stock.entries:show", "Show what lies of a sku in a warehouse.", "cup-blue north"),
    Command(
        "stock adjust",
        "stock.changes:adjust",
        "Change how many there are by so many.",
        "cup-blue north -2 --type damage --reason fell",
        usage="[OPTIONS] SKU WAREHOUSE QUANTITY",
    ),
    Command(
        "stock count",
        "stock.changes:count",
        "Set how many there are, as they were counted.",
        "cup-blue north 97 --version 2 --reason counted",
    ),
    Command("stock approvals", "stock.approvals:show_all", "List the changes that wait for another person."),
    Command(
        "stock approval",
        "stock.approvals:show",
        "Show a change that waits for another person, or did.",
        "8f6f1a52-3c0e-5d3c-8a74-1f6b7a0c5e11",
    ),
    Command(
        "stock approve",
        "stock.approvals:approve",
        "Do what another person asked for.",
        "8f6f1a52-3c0e-5d3c-8a74-1f6b7a0c5e11 --user bob",
    ),
    Command(
        "stock reject",
        "stock.approvals:reject",
        "Refuse what another person asked for.",
        "8f6f1a52-3c0e-5d3c-8a74-1f6b7a0c5e11 --user bob",
    ),
    Command(
        "stock reorder",
        "stock.changes:reorder",
        "Set at how many to order more, and how many.",
        "cup-blue north --point 20 --quantity 80",
    ),
    Command(
        "stock shards",
        "stock.changes:shards",
        "Have a hot sku lie in several shards, so that many are sold at once.",
        "cup-blue north 16",
    ),
    Command("stock movements", "stock.entries:movements", "List what moved of a sku in a warehouse.", "cup-blue north"),
    Command(
        "stock available",
        "stock.entries:available",
        "Show how many of a sku can be had, and where.",
        "cup-blue 2 --region eu",
        usage="[OPTIONS] SKU [QUANTITY]",
    ),
    Command(
        "stock reserve",
        "stock.reservations:reserve",
        "Reserve stock for an order, every item or nothing.",
        "order-1 cup-blue=2",
    ),
    Command(
        "stock preview",
        "stock.reservations:preview",
        "Show from which warehouses an order would come, and why.",
        "cup-blue=2 --to 48.1,11.6,eu",
    ),
    Command("stock reservation", "stock.reservations:show", "Show a reservation.", "order-1 --order"),
    Command(
        "stock commit",
        "stock.reservations:commit",
        "What was reserved leaves the stock; of some lines, the others are given back.",
        "order-1 cup-blue@north --order",
        usage="[OPTIONS] RESERVATION [LINES]",
    ),
    Command(
        "stock cancel",
        "stock.reservations:cancel",
        "Give back what was reserved, or some lines of it.",
        "order-1 --order",
        usage="[OPTIONS] RESERVATION [LINES]",
    ),
    Command(
        "stock transfer",
        "stock.transfers:draft",
        "Plan to bring stock from one warehouse to another, or ship it at once.",
        "cup-blue north south 5 --ship",
    ),
    Command("stock transfers", "stock.transfers:show_list", "List transfers.", "--in-transit"),
    Command("stock transfer-show", "stock.transfers:show", "Show a transfer.", TRANSFER),
    Command("stock ship", "stock.transfers:ship", "What a transfer brings leaves its source.", TRANSFER),
    Command(
        "stock receive",
        "stock.transfers:receive",
        "A part of a transfer came, was rejected or is lost.",
        f"{TRANSFER} 4 --rejected 1",
    ),
    Command(
        "stock transfer-cancel",
        "stock.transfers:cancel",
        "End a transfer; what is in transit goes back or is lost.",
        f"{TRANSFER} --in-transit back",
    ),
    Command(
        "stock warehouse-change",
        "stock.warehouses:change",
        "Say something else of a warehouse; what is left out stays.",
        "north --inactive",
    ),
    Command("stock suppliers", "stock.suppliers:show_all", "List the suppliers, by code."),
    Command("stock supplier-add", "stock.suppliers:add", "Add a supplier.", "acme Acme --email sales@acme.example"),
    Command(
        "stock supplier-change",
        "stock.suppliers:change",
        "Say something else of a supplier; what is left out stays.",
        "acme --phone 123",
    ),
    Command("stock supplier-delete", "stock.suppliers:delete", "Order nothing there any more.", "acme"),
    Command("stock suggest", "stock.purchases:suggest", "List what is to be ordered.", "--region eu"),
    Command("stock order", "stock.purchases:place", "Order stock from a supplier.", "acme cup-blue@north=50"),
    Command("stock orders", "stock.purchases:show_list", "List purchase orders.", "--open"),
    Command("stock order-show", "stock.purchases:show", "Show a purchase order.", ORDER),
    Command(
        "stock order-receive",
        "stock.purchases:receive",
        "So many came of lines of a purchase order.",
        f"{ORDER} cup-blue@north=20",
    ),
    Command(
        "stock order-cancel", "stock.purchases:cancel", "What has not come of a purchase order will not come.", ORDER
    ),
    Command("stock export", "stock.files:export", "Write the entries as CSV, also for `stock import`.", "stock.csv"),
    Command(
        "stock import",
        "stock.files:import_file",
        "Make the changes in a CSV file, line by line; run again, it goes on where it was.",
        'stock.csv --reason "delivery 7"',
    ),
    Command(
        "stock report",
        "stock.reports:report",
        "Show the stock of each region, and what moved there by day and type.",
        "--region eu --to 2027-06-07",
    ),
    Command(
        "stock delete",
        "stock.changes:delete",
        "Keep no more of a sku in a warehouse where nothing is left of it.",
        "cup-blue north",
    ),
)
