"""The real servers for tests and benches: fetched by `make servers`, started here, stopped when this process ends."""
