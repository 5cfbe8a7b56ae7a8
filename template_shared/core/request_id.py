"""The identifier that joins a response, its log lines and the caller's own logs."""

import re
import uuid

HEADER = "X-Request-ID"

_well_formed = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


def request_id_from(header: str | None) -> str:
    """Take over the caller's identifier where it is short and plain, else make one."""
    return header if header and _well_formed(header) else uuid.uuid4().hex
