"""Attacks on a running service while well-behaved callers continue: what attackers are told, what others suffer."""
