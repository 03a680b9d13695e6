"""What came of the audit of an entry of stock, as it is printed."""

from travio_inventory.cli.screen import Screen
from travio_inventory.stock.audit.findings import AuditedStock, StockFinding


def tell_stock(screen: Screen, audited: AuditedStock) -> None:
    """Print what was found, if anything was."""
    at = audited.at
    if not (audited.left or audited.repaired or audited.unread):
        return
    if screen.as_json:
        screen.line(_plain(audited))
        return
    for finding in audited.repaired:
        screen.say(f"repaired: {finding}", "green")
    for finding in audited.left:
        screen.say(str(finding), "red")
    if audited.more:
        screen.say(f"and {audited.more} more of {at.name} of {at.organization}", "red")
    if audited.unread:
        screen.say(f"cannot read: {at.name} of {at.organization}, place {at.number}: {audited.unread}", "yellow")


def _plain(audited: AuditedStock) -> dict[str, object]:
    """What came of an entry, for programs."""
    return {
        "organization": audited.at.organization,
        "sku": audited.at.name,
        "place": audited.at.number,
        "left": [_finding(each) for each in audited.left],
        "repaired": [_finding(each) for each in audited.repaired],
        "more": audited.more,
        "unread": audited.unread,
    }


def _finding(finding: StockFinding) -> dict[str, str]:
    return {"fault": str(finding.fault), "owner": finding.owner, "other": finding.other}
