FORMS = "smtps://user:password@host:465 or smtp+tls://user:password@host:587"
is_address = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+").fullmatch


class MailSettings(BaseModel):
    """The mail server, and the sender. `console:` prints mails instead of sending them."""

    mail_url: str = Field(default="console:", repr=False)  # may contain a password
    mail_from: str = "service@localhost"

    @field_validator("mail_url")
    @classmethod
    def _mail_can_be_sent(cls, url: str, info: ValidationInfo) -> str:
        if url == "console:":
            if info.data.get("environment") == "production":
                raise ValueError(f"in production, use {FORMS}")
            return url
        try:
            parts = urlsplit(url)
            usable = parts.hostname and parts.port != 0 and not parts.path.strip("/")
        except ValueError:  # whose message may contain the password
            parts, usable = urlsplit(""), None
        if not usable or parts.scheme not in {"smtp", "smtps", "smtp+tls"}:
            raise ValueError(f"must have the form {FORMS}, or smtp://host:25 without a password")
        if parts.password and parts.scheme == "smtp":
            raise ValueError("would send the password unencrypted: use smtps:// or smtp+tls://")
        return url

    @field_validator("mail_from")
    @classmethod
    def _sender_has_an_address(cls, sender: str, info: ValidationInfo) -> str:
        if not is_address(parseaddr(sender)[1]) or not sender.isprintable():
            raise ValueError(
                "must be an address, such as shop@example.com or Shop <shop@example.com>"
            )
        if sender == "service@localhost" and info.data.get("environment") == "production":
            raise ValueError("in production, must be an address that the mail server accepts")
        return sender
