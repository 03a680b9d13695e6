"""What every test may ask for: the real servers."""

pytest_plugins = ["tests.servers.fixtures"]
