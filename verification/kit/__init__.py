"""Trips, clients and processes that tests and verification share."""
