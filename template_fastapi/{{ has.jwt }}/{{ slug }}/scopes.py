"""The scopes of tokens. `requires("items:write")` guards an endpoint."""

# The API's documentation lists them.
SCOPES = {"items:write": "Create, change and delete items."}

# The scopes of a new account. `python -m <package>.accounts grant` permits more to one of them.
SCOPES_OF_NEW_ACCOUNTS = ("items:write",)
