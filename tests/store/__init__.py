"""The record: its port, its adapters and the hold protocol on top."""
