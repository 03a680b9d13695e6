"""Tests of the client against a service that speaks real gRPC on a loopback port and answers as the test says."""
