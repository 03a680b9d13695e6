"""Publishes events to sinks."""
