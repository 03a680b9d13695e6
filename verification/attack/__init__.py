"""Attacks on a running service while well-behaved callers go on: what each is told, what it costs the others."""
