# Programs log in with a token, pages of this site with the session and a CSRF token.

REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"] = [
    f"{__package__}.tokens.authentication.TokenAuthentication",
    "rest_framework.authentication.SessionAuthentication",
]
REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = ["rest_framework.permissions.IsAuthenticated"]
