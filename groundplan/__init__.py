"""Groundplan helps you choose between Django and FastAPI, and creates a service that can be updated."""
