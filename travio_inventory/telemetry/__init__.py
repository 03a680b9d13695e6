"""Logs, metrics and notifications; no use case knows of them."""
