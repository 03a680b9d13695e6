"""The real servers that tests and benches run against: fetched by `make servers`, started here, gone with us."""
