"""The bucket: https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html."""

import mimetypes
from typing import Any

from storages.backends.s3 import S3Storage

from .files import TYPES, ending_of


class BucketStorage(S3Storage):  # type: ignore[misc]
    """Private files. Browsers download one that a user opens, and still show images in pages."""

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """Set the type by the extension: the client could have sent text/html."""
        kind = mimetypes.guess_type(name, strict=False)[0] if ending_of(name) in TYPES else None
        parameters: dict[str, Any] = super().get_object_parameters(name)
        parameters["ContentType"] = kind or "application/octet-stream"
        return parameters | {"ContentDisposition": "attachment"}
