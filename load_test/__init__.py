"""Load tests: Locust drives the service and notes what everyone is told, then a verdict reads the store."""
