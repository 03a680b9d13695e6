"""The record: who has a seat is decided here."""
