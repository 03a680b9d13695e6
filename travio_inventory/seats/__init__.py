"""Trips, seats, holds and what may become of them: pure rules, no clock, no I/O."""
