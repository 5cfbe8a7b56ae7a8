"""Endpoints for the conformance suite."""
