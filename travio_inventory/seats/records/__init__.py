"""How seats are recorded: trips, cells, holds of seats, listings and waiting lists, as rows of conditional batches."""
