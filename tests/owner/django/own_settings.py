
# The owner's

import sys  # noqa: E402

INSTALLED_APPS += ["corsheaders"]
MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware", *MIDDLEWARE]
CORS_ALLOWED_ORIGINS = ["https://spa.example"]
SECURE_CSP = {}
SECURE_HSTS_SECONDS = 0
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"own": {"format": "OWN %(levelname)s %(message)s"}},
    "handlers": {
        "own": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "own"},
        "tracker": {"class": "PACKAGE.tracker.Handler", "level": "ERROR"},
    },
    "root": {"handlers": ["own", "tracker"], "level": "INFO"},
}

from . import tracker  # noqa: E402, F401
