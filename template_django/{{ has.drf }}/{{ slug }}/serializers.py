"""Base classes of serializers, and types of their fields."""

from typing import Any, Self

from django.db.models import Model
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.serializers import as_serializer_error

from .core.api import PathError, QueryError

ID = {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}  # a row's id in the schema of a path


def row_id(name: str, value: str) -> int:
    """Return a row's id from a path; a larger number would be a database error."""
    try:
        return int(Reference().run_validation(int(value) if value.isdecimal() else value))
    except serializers.ValidationError as error:
        raise PathError({name: error.detail}) from error


class StrictSerializer[T: Model](serializers.ModelSerializer[T]):
    """Base class of serializers. Unknown and read-only fields in a request are errors."""

    def to_internal_value(self, data: Any) -> Any:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        names = sorted(data.keys() - writable) if isinstance(data, dict) else []
        unknown: dict[str, Any] = {name: ["This field is unknown."] for name in names}
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(as_serializer_error(error) | unknown) from error
        if unknown:
            raise serializers.ValidationError(unknown)
        return values


class Text(serializers.RegexField):
    """A string without NUL characters, which PostgreSQL cannot store. CharField accepts numbers, too."""

    def __init__(self, regex: str = r"^[^\x00]*$", **options: Any) -> None:
        super().__init__(regex, **{"trim_whitespace": False} | options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Integer(serializers.IntegerField):
    """A number. IntegerField accepts strings, too."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Reference(Integer):
    """A row's id in a body."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"min_value": 1, "max_value": 2**63 - 1} | options)


class PageQuery(serializers.Serializer[Any]):
    """The requested part of a list, with all parameters of the operation."""

    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=2**31 - 1)
    cursor = serializers.CharField(
        default="", allow_blank=True, max_length=1000, help_text="`next` from the previous page."
    )

    @classmethod
    def of(cls, request: Request) -> Self:
        """Read the query of a request. Unknown parameters are errors: a misspelt filter would return all."""
        query = cls(data=request.query_params.dict())
        names = sorted(request.query_params.keys() - query.fields.keys())
        unknown = {name: ["This parameter is unknown."] for name in names}
        if not query.is_valid() or unknown:
            raise QueryError(query.errors | unknown)
        return query


class PageSerializer(serializers.Serializer[Any]):
    """A part of a list."""

    total = serializers.IntegerField(
        allow_null=True, help_text="The total number of results; null if a cursor was sent."
    )
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    next = serializers.CharField(
        allow_null=True, help_text="The cursor of the next page, if there is one."
    )
