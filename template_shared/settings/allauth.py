# Login: https://docs.allauth.org/en/latest/account/configuration.html

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = LOGOUT_REDIRECT_URL = "account_login"
LOGIN_REDIRECT_URL = "account"

ACCOUNT_ADAPTER = f"{__package__}.login.adapter.LoginAdapter"
SIGN_UP_OPEN = {{ "False  # administrators add users" if has.closed_sign_up else "True" }}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_CHANGE_EMAIL = True  # each user has one address, and can change it
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_NOTIFICATIONS = True  # of changes to an account
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True  # until the user logs out, or SESSION_COOKIE_AGE expires
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before changes to an account

MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # half a minute, for clocks that are not exact
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not IN_PRODUCTION

# Attempts to log in are limited for each account and each client, whose address is the last one
# in X-Forwarded-For: https://docs.allauth.org/en/latest/account/rate_limits.html
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if IN_PRODUCTION else 0
CACHES: dict[str, dict[str, object]] = {  # the cache counts attempts across all workers
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}
