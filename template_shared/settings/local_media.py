# Uploaded files: see docs/media.md. The proxy serves them as a different user, so they must be
# world-readable.

MEDIA_URL = "media/"
MEDIA_ROOT = environment.media_root or str(BASE_DIR / "media")
FILE_UPLOAD_PERMISSIONS = 0o644
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o755
STORAGES["default"] = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
