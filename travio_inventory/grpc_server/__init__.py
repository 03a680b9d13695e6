"""A gRPC server for untrusted callers. It knows nothing of what it serves."""
