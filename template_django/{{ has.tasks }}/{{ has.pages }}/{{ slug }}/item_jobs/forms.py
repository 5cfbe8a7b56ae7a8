"""Forms for jobs."""

import csv
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from .jobs import deliveries

MAX_BYTES = 1_000_000  # nginx accepts bodies of 1 MiB


class ImportForm(forms.Form):
    """A CSV file. The job checks its rows, and reports the lines that it refuses."""

    file = forms.FileField(
        label="CSV file", help_text="The first line: name,quantity. At most 1 MB."
    )
    parts: list[Any]

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MAX_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB.")
        try:
            self.parts = list(deliveries(file.read().decode("utf-8-sig")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise forms.ValidationError("This is not a CSV file in UTF-8.") from error
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        return file
