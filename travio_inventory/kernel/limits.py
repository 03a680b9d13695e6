"""Every limit on requests that the format sets; an operator may set lower ones for trips and holds."""

ID_BYTES_MAX = 128
NAME_BYTES_MAX = 256
SEGMENTS_MAX = 512
SEATS_PER_PART_MAX = 1_000
PLAN_PARTS_MAX = 1_000
PLANS_MAX = 1_000
"""Of an organization."""
SEATS_MAX = 100_000
CELLS_MAX = 2_000_000
SECTIONS_MAX = 1_000
SECTION_SEATS_MAX = 5_000
FEATURES_MAX = 5_000
CELLS_PER_GROUP_MAX = 5_000
"""Seats of a seat group times segments: every store reads as many in one page, so no operator may raise it."""
SEATS_PER_HOLD_MAX = 50
CELLS_PER_HOLD_MAX = 1_000
"""They may all be in one seat group, and so in one conditional batch."""
SEATS_BLOCKED_AT_ONCE_MAX = 100
UPDATES_MAX = 5_000
"""Seats blocked and unblocked in one call; the latter go one by one."""
SEATS_PER_GROUP_DEFAULT = 64
PRICE_MINOR_MAX = 10**12
ROW_MAX = 100_000
CHECKS_PER_BATCH_MAX = 32
TRIPS_LISTED_MAX = 100
HOLDS_LISTED_MAX = 100
DEEDS_LISTED_MAX = 500
WAITS_LISTED_MAX = 1_000
ROWS_EXPLAINED_MAX = 500
"""So many rows of holds and events are looked at for a page about a seat, whatever they tell."""
TIME_S_MAX = 253_402_300_799
"""The last second of the year 9999."""
