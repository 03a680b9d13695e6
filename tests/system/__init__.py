"""Tests of the whole service as a process, called by real gRPC clients over a socket, stopped and killed."""
