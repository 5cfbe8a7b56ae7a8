"""Addresses of templates. A secret in an address is used to fetch the template, but neither recorded nor printed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from groundplan.errors import ExitCode, Stop

URL = re.compile(r"(?P<git>git\+)?(?P<scheme>[a-z][a-z0-9.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.IGNORECASE)
# In other texts. The user name of ssh is not a secret: `ssh://git@example.com` has no password.
SECRET = re.compile(r"\b(?!ssh:)([a-z]+://)[^/\s'\"]*@", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """An address without secrets, and the settings with which git fetches from it with them."""

    public: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)


def without_secrets(address: str) -> Address:
    """Take the user name and password out of an address, or the password alone if it is one of ssh."""
    found = URL.fullmatch(address)
    if found is None:  # a path, or `git@example.com:template.git`
        return Address(address)
    user, at, host = found["authority"].rpartition("@")
    scheme, rest = found["scheme"].lower(), found["rest"]
    if not re.fullmatch(r"(\[.*\]|[^:]*)(:[0-9]*)?", host):
        problem = "use percent-encoding for special characters in the user name or password, such as %2F for /"
    elif scheme != "file" and re.search("[?#]", rest):
        problem = "remove the part from ? or # on. A credential helper of git can supply a token (git help credentials)"
    else:
        kept = user.partition(":")[0] + at if scheme == "ssh" else ""
        public = f"{scheme}://{kept}{host}{rest}"
        secret = f"{scheme}://{found['authority']}{rest}"
        # Git receives this in the environment, which other users cannot read, and Copier sees the public address.
        settings = {} if scheme == "ssh" or not at else {f"url.{secret}.insteadOf": public}
        return Address((found["git"] or "").lower() + public, settings)
    raise Stop(f"The address of the template cannot be used: {problem}.", ExitCode.USAGE)


def redact(text: str) -> str:
    """Remove user names and passwords from the URLs in a text."""
    return SECRET.sub(r"\1", text)
