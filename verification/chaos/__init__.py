"""The service on a real bad day: real processes, database, Redis and clients, a nemesis among them, and a judge."""
