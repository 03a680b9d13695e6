"""A gRPC server for callers one does not trust. It knows nothing of what it serves."""
