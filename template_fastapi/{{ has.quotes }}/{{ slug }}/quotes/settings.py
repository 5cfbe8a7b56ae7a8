"""The suppliers, and limits of the calls to them."""

import re
from ipaddress import IPv4Address
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

HOST = r"(?:(?:[\w-]{1,63}\.)*[\w-]{1,63}|\[[0-9a-f:.]+\])(?::\d{1,5})?"
SUPPLIER = re.compile(rf"[a-z0-9_-]{{1,40}}=https?://{HOST}(?:/[^\s?#]*)?", re.ASCII)
MOST = 100


class QuoteSettings(BaseModel):
    quote_suppliers: str = ""  # names and URLs: alpha=https://alpha.example.com/quotes,beta=…
    quote_timeout: float = Field(default=1, gt=0, le=15)  # seconds for all; the proxy waits 20
    quote_calls: int = Field(default=20, ge=1, le=1000)  # at once, to each, in a process

    @field_validator("quote_suppliers")
    @classmethod
    def _suppliers_have_names_and_urls(cls, text: str) -> str:
        parts = text.split(",") if text else []
        if not all(SUPPLIER.fullmatch(part.strip()) for part in parts):
            raise ValueError("must be names and URLs such as alpha=https://alpha.example.com/api")
        suppliers = suppliers_of(text)
        if len(suppliers) < len(parts) or len(parts) > MOST:
            raise ValueError(f"must name each supplier once, and at most {MOST}")
        for url in map(urlsplit, suppliers.values()):
            _ = url.port  # raises ValueError
            if re.fullmatch(r"\d+(\.\d+){3}", url.hostname or "", re.ASCII):
                IPv4Address(url.hostname)  # raises it, too
        return text


def suppliers_of(text: str) -> dict[str, str]:
    """Return the URL of each supplier."""
    parts = (part.strip().partition("=") for part in text.split(",") if part)
    return {name: url for name, _, url in parts}
