"""The HTTP server within its limits."""
