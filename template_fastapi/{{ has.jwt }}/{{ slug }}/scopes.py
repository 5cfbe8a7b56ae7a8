"""Scopes: what a token permits. `requires("items:write")` guards an endpoint."""

# The API's documentation lists them.
SCOPES = {"items:write": "Create, change and delete items."}

# What a new account may do. `python -m <package>.accounts grant` permits more to one of them.
SCOPES_OF_NEW_ACCOUNTS = ("items:write",)
