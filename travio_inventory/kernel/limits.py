"""Every limit of what may be asked for, in one place."""

ID_BYTES_MAX = 128
NAME_BYTES_MAX = 256
SEGMENTS_MAX = 64
SEATS_MAX = 5_000
CELLS_MAX = 50_000
CELLS_PER_GROUP_MAX = 5_000
"""Seats of a seat group times segments: as many as are read at once, in one page, on every store."""
SEATS_PER_HOLD_MAX = 10
SEATS_BLOCKED_AT_ONCE_MAX = 100
CELLS_BLOCKED_AT_ONCE_MAX = SEATS_PER_HOLD_MAX * SEGMENTS_MAX
SEATS_PER_GROUP_DEFAULT = 16
PRICE_MINOR_MAX = 10**12
ROW_MAX = 100_000
CHECKS_PER_BATCH_MAX = 32
HOLDS_LISTED_MAX = 100
WAITS_LISTED_MAX = 1_000
TIME_S_MAX = 253_402_300_799
"""The last second of the year 9999."""
