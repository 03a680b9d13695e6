"""gRPC: the server that callers of any kind may be let at, and the service that answers on it."""
