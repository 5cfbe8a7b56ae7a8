"""For file fields of models: names that nobody can guess, and a check of size and content."""

import secrets
import warnings
from collections.abc import Collection
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db.models import Model
from django.utils.deconstruct import deconstructible
from PIL import Image

# By extension: the name of Pillow's format, or the first bytes of a file. HTML and SVG can contain
# scripts, so they are missing.
IMAGES: dict[str, str | bytes] = {
    ".gif": "GIF",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
}
DOCUMENTS: dict[str, str | bytes] = {".pdf": b"%PDF-"}
TYPES = IMAGES | DOCUMENTS


def random_name(instance: Model, name: str) -> str:
    """For `upload_to`: a directory for each model, and a random name with the same extension."""
    ending = ending_of(name)
    return f"{instance._meta.label_lower}/{secrets.token_urlsafe(16)}{ending * (ending in TYPES)}"


def ending_of(name: str | None) -> str:
    """Return the extension in lower case, such as `.jpg`."""
    return PurePath(name or "").suffix.lower()


@deconstructible
class FileValidator:
    """For `validators`: limit the size and the types. The content must match the extension."""

    def __init__(self, endings: Collection[str] = tuple(TYPES), megabytes: int = 5) -> None:
        if unknown := set(endings) - TYPES.keys():
            raise ValueError(f"unknown extensions: {', '.join(sorted(unknown))}")
        self.endings, self.megabytes = tuple(endings), megabytes

    def __call__(self, file: File[bytes]) -> None:
        """Raise ValidationError if the file must not be stored."""
        if file.closed:  # it is stored already: a form changes another field
            return
        if file.size > self.megabytes * 1024 * 1024:
            message = f"The file is larger than {self.megabytes} MB."
            raise ValidationError(message, code="too_large")
        ending = ending_of(file.name)
        if ending not in self.endings:
            message = f"Files must end in {', '.join(self.endings)}."
            raise ValidationError(message, code="type")
        if not _fits(file, TYPES[ending]):
            raise ValidationError(f"The content is not that of a {ending} file.", code="content")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileValidator) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.endings, self.megabytes))


def _fits(file: File[bytes], kind: str | bytes) -> bool:
    """Whether the content is of this kind. Pillow refuses images with very many pixels."""
    file.seek(0)
    try:
        if isinstance(kind, bytes):
            return bool(file.read(len(kind)) == kind)
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file, formats=[kind]) as image:
                image.verify()
    except Exception:  # Pillow raises errors of many kinds for damaged images
        return False
    else:
        return True
    finally:
        file.seek(0)
