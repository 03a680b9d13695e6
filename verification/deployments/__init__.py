"""The service measured on real servers: `python -m verification.deployments`."""
