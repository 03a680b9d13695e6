"""The service in one process: how it is put together, what it does by itself, and that it starts and ends."""
