"""What every edge must keep, and what only some do."""
