"""Seat inventory for trips: who may sit where, on which segments, until when."""
