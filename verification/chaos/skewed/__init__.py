"""A folder for PYTHONPATH: a process that runs with it has a clock that a test sets."""
