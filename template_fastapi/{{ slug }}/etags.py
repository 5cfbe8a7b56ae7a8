"""Conditional requests (RFC 9110, section 13), which avoid unnecessary reads and lost updates.

The ETag is a digest of the resource as it is sent, so it needs no column.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from .core.problems import ServiceError

IfMatch = Annotated[
    str | None,
    Header(description="The ETag that the client read: 412 if it has changed since."),
]
IfNoneMatch = Annotated[
    str | None,
    Header(description="The ETag that the client has: 304 if the resource still has it."),
]
_HEADERS = {"ETag": {"description": "The version of the resource.", "schema": {"type": "string"}}}
_TAG = re.compile(r'(?:W/)?("[^"]*")')  # it may contain commas
_LOCATION = {"description": "The path of the new resource.", "schema": {"type": "string"}}
# The headers of responses, for the schema.
CREATED: dict[str, Any] = {"headers": _HEADERS | {"Location": _LOCATION}}
TAGGED: dict[str, Any] = {"headers": _HEADERS}
NOT_MODIFIED: dict[str, Any] = {"description": "The client has it already", "headers": _HEADERS}


class PreconditionFailedError(ServiceError):
    """Somebody else has changed the resource."""

    status = 412


class PreconditionRequiredError(ServiceError):
    """The request does not say which version of the resource it changes."""

    status = 428


def tagged(
    resource: BaseModel,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    known: str | None = None,
) -> Response:
    """Return a response with the resource and its ETag; only the ETag if the client knows it."""
    content = resource.model_dump_json()
    tag = _digest(content)
    if known and _names(known, tag):
        return Response(status_code=304, headers={"ETag": tag})
    headers = {**(headers or {}), "ETag": tag}
    return Response(content, status, headers, media_type="application/json")


def check(if_match: str, resource: BaseModel) -> None:
    """Raise an error unless the header matches the resource's current ETag."""
    if not _names(if_match, _digest(resource.model_dump_json())):
        raise PreconditionFailedError("This has changed since you read it. Read it again.")


def required(if_match: IfMatch = None) -> None:
    """Refuse requests without If-Match: `dependencies=[Depends(etags.required)]`."""
    if if_match is None:
        raise PreconditionRequiredError("Send the ETag that you read, as If-Match.")


def _digest(content: str) -> str:
    return f'"{sha256(content.encode()).hexdigest()[:32]}"'


def _names(header: str, tag: str) -> bool:
    """Return whether the header has the tag. A proxy that compresses puts W/ before it."""
    return header.strip() == "*" or tag in _TAG.findall(header)
