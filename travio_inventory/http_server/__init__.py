"""An HTTP/1.1 server for untrusted callers, on uvicorn: each connection is bounded, and a stop loses no request."""
