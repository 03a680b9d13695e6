"""The wire contract over gRPC: requests read, use cases called, replies and refusals written."""
