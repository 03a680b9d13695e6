"""What HTTP tells a caller who is not let in: WWW-Authenticate, as RFC 6750 has it."""

from travio_inventory.kernel.refusals import PermissionDenied, Refusal, Unauthenticated

REALM = "travio-inventory"


def challenge(refusal: Refusal) -> str:
    """The value of WWW-Authenticate, "" if the answer has none."""
    match refusal:
        case Unauthenticated(error=""):
            return f'Bearer realm="{REALM}"'
        case Unauthenticated(error=error):
            return f'Bearer realm="{REALM}", error="{error}", error_description="{refusal}"'
        case PermissionDenied(scope=scope) if scope:
            return f'Bearer realm="{REALM}", error="insufficient_scope", scope="{scope}"'
        case _:
            return ""
