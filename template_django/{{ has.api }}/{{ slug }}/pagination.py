"""Lists in pages: by number with `?limit=20&offset=40`, or one after the other with `?cursor=`.

A cursor holds the values by which its page's last row is ordered. So rows that are added or deleted
meanwhile cause neither duplicates nor gaps, and a late page costs no more than the first one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from pydantic_core import from_json, to_json

from .core.problems import InvalidError


def fetch_page(
    queryset: QuerySet[Any], *, limit: int, offset: int, cursor: str, sort: str = "id"
) -> dict[str, Any]:
    """Fetch one page, sorted by a field, `-` for the greatest first, and then by the primary key.

    The field is not nullable. For large tables, create an index of it and the primary key.
    """
    total = None
    sign, field = ("-" if sort.startswith("-") else ""), sort.removeprefix("-")
    if cursor:
        queryset = queryset.filter(_after(cursor, sort, field, queryset.model))
    else:
        total = queryset.count()
    rows = list(queryset.order_by(sort, f"{sign}pk")[offset : offset + limit + 1])
    shown, following = rows[:limit], None
    if len(rows) > limit:
        values = [getattr(shown[-1], field), shown[-1].pk]
        following = urlsafe_b64encode(to_json([sort, *values])).decode().rstrip("=")
    return {"results": shown, "total": total, "limit": limit, "offset": offset, "next": following}


def _after(cursor: str, sort: str, field: str, model: type[Model]) -> Q:
    """Return a condition for the rows after a cursor, which may be anything that a client sends."""
    try:
        its_sort, *values = from_json(urlsafe_b64decode(cursor + "=="))
        if its_sort != sort:
            raise ValueError("the list is in another order")
        names = (field, model._meta.pk.name)
        value, pk = (_value(*each, model) for each in zip(values, names, strict=True))
    except (TypeError, ValueError, OverflowError, ValidationError) as error:
        raise InvalidError("The cursor is not valid for this list.") from error
    after = "lt" if sort.startswith("-") else "gt"
    later = Q(**{f"{field}__{after}": value}) | Q(**{field: value, f"pk__{after}": pk})
    return Q(**{f"{field}__{after}e": value}) & later  # the first part can use an index


def _value(value: object, name: str, model: type[Model]) -> Any:
    field: Any = model._meta.get_field(name)
    parsed = field.to_python(value)
    if parsed is None or "\x00" in str(parsed):
        raise ValueError("no value of the field is empty or contains a NUL character")
    field.run_validators(parsed)  # a number may be too large for its column
    return parsed.astimezone(UTC) if isinstance(parsed, datetime) else parsed
