"""A real OpenID Connect provider on this machine: https://github.com/panva/node-oidc-provider."""

import base64
import contextlib
import json
import shutil
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import processes
from tests.tools import made_once, run, shared

BIN = Path(sys.executable).parent
PACKAGE = "oidc-provider@9.13.3"
AUDIENCE = "https://api.example.com"


@dataclass(frozen=True)
class Identity:
    """A provider with two clients: `job`, which has a secret, and `page`, with which people log in."""

    issuer: str

    def variables(self) -> dict[str, str]:
        """The variables of a service that accepts its tokens."""
        return {"OIDC_ISSUER": self.issuer, "OIDC_AUDIENCE": AUDIENCE, "OIDC_CLIENT_ID": "page"}

    def token(self, scope: str = "", resource: str = AUDIENCE) -> str:
        """An access token for the client `job`."""
        form = {"grant_type": "client_credentials", "scope": scope, "resource": resource}
        credentials = base64.b64encode(b"job:not-a-secret").decode()
        request = urllib.request.Request(
            f"{self.issuer}/token",
            urllib.parse.urlencode(form).encode(),
            {"Authorization": f"Basic {credentials}"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return str(json.load(response)["access_token"])


@contextlib.contextmanager
def identity(log: Path, redirect: str = "http://localhost/callback") -> Iterator[Identity]:
    """A provider on a free port until the block ends. It sends people who log in to `redirect`."""

    def install(directory: Path) -> None:
        directory.mkdir()
        shutil.copy2(Path(__file__).with_name("identity.mjs"), directory)
        command = ("install", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE)
        run(BIN / "npm", *command, f"--prefix={directory}", cwd=directory)

    program = made_once(shared() / "identity" / "provider", install) / "identity.mjs"
    port = processes.free_port()
    issuer = f"http://localhost:{port}"
    configuration = f"http://127.0.0.1:{port}/.well-known/openid-configuration"
    command: list[str | Path] = [BIN / "node", program, str(port), AUDIENCE, redirect]
    with processes.running(command, log, lambda: processes.answers(configuration)):
        yield Identity(issuer)
