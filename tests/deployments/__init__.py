"""Tests of verification/deployments."""
