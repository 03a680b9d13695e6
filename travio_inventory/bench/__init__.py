"""Benches: they measure the service over the wire, count exactly, and check the store afterwards."""
