"""Takes events of other services in from brokers, so that each takes effect once. Nothing here knows what they mean."""
