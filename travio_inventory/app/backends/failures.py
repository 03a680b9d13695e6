"""Why the service cannot start."""


class StartFailed(Exception):
    """The service cannot start; the message is one line that says why."""
