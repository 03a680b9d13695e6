"""Reads timetables in GTFS (schedule): which trips run on a date, and when each is where."""
