"""The service measured on real servers: `python -m tests.deployments`."""
