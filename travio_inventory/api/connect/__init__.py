"""The wire contract for browsers: Connect and gRPC-Web, over the HTTP listener."""
