"""The SDK against a service that speaks real gRPC on a loopback port and answers what the test says."""
