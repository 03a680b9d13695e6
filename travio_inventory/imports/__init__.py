"""Reads what operators bring: seat plans, plans of other systems, timetables. Pure reading: it calls no service."""
