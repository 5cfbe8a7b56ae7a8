"""Mail, through the server in MAIL_URL.

Send it after the response: `background.add_task(mail.send, to, subject, text)`, with
`background: BackgroundTasks` as a parameter of the endpoint.
"""

import asyncio
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

from .environment import environment

TIMEOUT = 30  # seconds for everything
logger = structlog.get_logger(__name__)


async def send(to: str, subject: str, text: str) -> None:
    """Send an email. A failure is logged and not raised, because no request waits for it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = environment.mail_from, to, subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid()
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        async with asyncio.timeout(TIMEOUT):
            await deliver(message, environment.mail_url)
    except Exception:
        logger.exception("mail not sent", subject=subject)
    else:
        logger.info("mail sent", subject=subject)


async def deliver(message: EmailMessage, url: str) -> None:
    """Give a message to the server, or print it."""
    if url == "console:":
        head = "".join(f"{name}: {message[name]}\n" for name in ("From", "To", "Subject"))
        sys.stdout.write(f"{head}\n{message.get_content()}\n")
        sys.stdout.flush()
        return
    parts = urlsplit(url)
    await aiosmtplib.send(
        message,
        hostname=parts.hostname,
        port=parts.port,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=parts.scheme == "smtps",
        start_tls=parts.scheme == "smtp+tls",
        timeout=10,
    )
