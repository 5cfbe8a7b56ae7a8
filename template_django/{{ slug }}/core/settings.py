"""The settings that every service shares. Yours belong in the settings.py beside this package."""

import logging
from pathlib import Path

import django_stubs_ext
from django.utils.csp import CSP

from ..environment import environment
from .database import database_from
from .logging import configure
from .sizing import pool_size

PACKAGE = __name__.partition(".")[0]
IN_PRODUCTION = environment.environment == "production"

django_stubs_ext.monkeypatch()  # lets `ModelAdmin[Item]` be written, which the type checker wants

# Application
# https://docs.djangoproject.com/en/6.1/ref/settings/#core-settings

DEBUG = environment.debug
SECRET_KEY = environment.secret_key
ALLOWED_HOSTS = list(environment.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "ninja",  # for the scripts and styles of the API's documentation
]

MIDDLEWARE = [
    f"{PACKAGE}.core.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    f"{PACKAGE}.core.middleware.ApiEntrance",
]

ROOT_URLCONF = f"{PACKAGE}.core.urls"
WSGI_APPLICATION = f"{PACKAGE}.core.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.csp",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # bytes of a request's body, uploaded files aside
# Bytes of a body whose size is not announced, with its files. It is on the disk before Django can
# look at it, so that it needs a limit of its own.
CHUNKED_BODY_MAX_SIZE = 100 * 1024 * 1024

# Database
# https://docs.djangoproject.com/en/6.1/ref/databases/

DATABASES = {
    "default": database_from(environment.database_url, pool_size(environment.database_connections))
}

# Logs
# https://docs.djangoproject.com/en/6.1/topics/logging/

LOGGING_CONFIG = None
configure(environment.log_level)
# Every request has its line already. Of Django's own, only those about exceptions say more.
logging.getLogger("django.request").addFilter(lambda record: bool(record.exc_info))
logging.getLogger("django.server").setLevel(logging.CRITICAL)

# Static files, which WhiteNoise serves: from the packages, or as `collectstatic` has prepared them,
# compressed and under names that tell their content, so that browsers keep them for ever.
# https://whitenoise.readthedocs.io/en/stable/django.html

STATIC_URL = "static/"
STATIC_ROOT = environment.static_root
WHITENOISE_USE_FINDERS = STATIC_ROOT is None

# Uploaded files, which another user than this process may serve.
# https://docs.djangoproject.com/en/6.1/topics/files/

MEDIA_URL = "media/"
MEDIA_ROOT = environment.media_root or str(Path(__file__).parents[2] / "media")
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_ROOT
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}

# Languages and time
# https://docs.djangoproject.com/en/6.1/topics/i18n/

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"

# Passwords
# https://docs.djangoproject.com/en/6.1/topics/auth/passwords/

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# Security
# https://docs.djangoproject.com/en/6.1/howto/deployment/checklist/

SESSION_COOKIE_SECURE = IN_PRODUCTION
CSRF_COOKIE_SECURE = IN_PRODUCTION
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IN_PRODUCTION else 0  # pages; the API's: headers.py

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
}

SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains is for the domain's owner to decide,
    "security.W021",  # and so is the browsers' preload list
    "security.W008",  # the proxy, where TLS ends, redirects from HTTP
]
