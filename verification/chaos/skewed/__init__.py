"""A folder for PYTHONPATH: what runs with it has a clock that a test sets."""
