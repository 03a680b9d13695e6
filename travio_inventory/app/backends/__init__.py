"""The store and the edge that the settings choose."""

from travio_inventory.app.backends.certificates import OwnCertificate
from travio_inventory.app.backends.failures import NotAsRequired, NotReached, StartFailed, no_folder
from travio_inventory.app.backends.opening import Edge, Store, open_batches, open_edge, open_guest, open_view
from travio_inventory.app.backends.renewed import Renewals, SecretFile

__all__ = [
    "Edge",
    "NotAsRequired",
    "NotReached",
    "OwnCertificate",
    "Renewals",
    "SecretFile",
    "StartFailed",
    "Store",
    "no_folder",
    "open_batches",
    "open_edge",
    "open_guest",
    "open_view",
]
