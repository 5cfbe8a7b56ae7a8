"""Groundplan: chooses between Django and FastAPI, and starts a service that can be updated."""
