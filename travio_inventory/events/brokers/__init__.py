"""How brokers are reached, by whatever publishes there and whatever takes events in."""
