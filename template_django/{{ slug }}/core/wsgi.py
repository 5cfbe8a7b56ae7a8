"""The WSGI application, which servers import."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__name__.partition('.')[0]}.settings")

application = get_wsgi_application()
