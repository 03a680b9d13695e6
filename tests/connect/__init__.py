"""The contract over Connect and gRPC-Web."""
