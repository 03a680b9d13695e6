"""The auditor of stock: quantities against reservations and movements; repairs by the protocol's own steps."""
