"""Emails reach a server over TLS, in both forms of MAIL_URL, and go to no other server."""

import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.processes import free_port
from tests.projects import Project, set_up
from tests.tools import FRAMEWORKS, render_anew, run

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")]
ANSWERS = {"django": {"login": "django"}, "fastapi": {"auth": "jwt"}}
SEND = {
    "django": ["manage.py", "sendtestemail", "ada@example.com"],
    "fastapi": [
        *("-c", "import asyncio; from service.mail import send; asyncio.run(send('ada@example.com', 'Test', 'Hello'))"),
    ],
}
USER, PASSWORD = "us@er", "w/rd"


@dataclass
class Mailbox:
    """A mail server's users and emails."""

    logins: list[LoginPassword] = field(default_factory=list)
    mails: list[Envelope] = field(default_factory=list)

    def log_in(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: object) -> AuthResult:
        """Accepts one user."""
        assert isinstance(data, LoginPassword)
        self.logins.append(data)
        return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps an email."""
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture(scope="module", params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    framework = str(request.param)
    path = tmp_path_factory.mktemp(framework) / "service"
    return set_up(render_anew(template, path, framework=framework, slug="service", **ANSWERS[framework]))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this address, with its key, in one file."""
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    subject = ("-nodes", "-subj", "/CN=mail", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", path.with_suffix(".key"))
    run("openssl", "req", "-x509", *key, *subject, "-out", path)
    return path


@contextmanager
def serving(certificate: Path, scheme: str) -> Iterator[tuple[str, Mailbox]]:
    """A mail server that accepts one user over TLS: its URL and its mailbox."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    box = Mailbox()
    options: dict[str, Any] = {
        "smtps": {"ssl_context": context, "auth_require_tls": False},
        "smtp+tls": {"tls_context": context, "require_starttls": True, "auth_required": True},
    }[scheme]
    controller = Controller(box, "127.0.0.1", free_port(), authenticator=box.log_in, **options)
    controller.start()
    try:
        yield f"{scheme}://us%40er:w%2Frd@127.0.0.1:{controller.port}", box
    finally:
        controller.stop()


@pytest.mark.parametrize("scheme", ["smtps", "smtp+tls"])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_mail_reaches_a_server_that_it_trusts(
    project: Project, certificate: Path, scheme: str, *, trusted: bool
) -> None:
    framework = "django" if (project.path / "manage.py").exists() else "fastapi"
    with serving(certificate, scheme) as (url, box):
        variables = {"MAIL_URL": url, "MAIL_FROM": "shop@example.com"}
        if trusted:
            variables["SSL_CERT_FILE"] = str(certificate)
        # FastAPI's function logs a failure, because no request waits for it.
        printed = project.run("python", *SEND[framework], code=int(not trusted and framework == "django"), **variables)
    assert ("CERTIFICATE_VERIFY_FAILED" in printed) is not trusted
    assert [(mail.mail_from, mail.rcpt_tos) for mail in box.mails] == [
        ("shop@example.com", ["ada@example.com"])
    ] * trusted
    assert box.logins == [LoginPassword(USER.encode(), PASSWORD.encode())] * trusted
