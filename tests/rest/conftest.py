"""The face with a trip open."""

from tests.rest.serving import web

__all__ = ["web"]
