"""The service in one process: how it is assembled, its background jobs, its start and its end."""
