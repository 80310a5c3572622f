"""Carries a one-time code by e-mail, through a mail server the operator names."""

import re
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from enum import Enum, unique
from typing import Final

import aiosmtplib

from answerback.model.errors import AnswerbackError
from answerback.model.handle import Handle

ATTEMPT_S_MAX = 30.0
"""For the whole of one delivery: mail servers that greet slowly on purpose take up to about 20 s."""
_DELIVERABLE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[a-z0-9.-]+")
"""The addresses that need no quoting (RFC 5321 `Dot-string`): others could say more to a mail server than a name."""


@unique
class MailSecurity(Enum):
    """How the connection to the mail server is protected."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """Only for a mail server on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Which mail server carries the codes, and in whose name."""

    host: str
    port: int
    sender: str
    security: MailSecurity = MailSecurity.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)


class MailFailed(AnswerbackError):
    """The mail server did not take the message."""


async def mail_code(settings: MailSettings, *, handle: Handle, code: str, minutes: int) -> None:
    """Send one code; return when the mail server has taken it, and raise MailFailed if it did not."""
    if not _DELIVERABLE.fullmatch(handle.text):
        raise MailFailed(f"{handle.masked} is not an address that can be mailed to without quoting")
    try:
        await aiosmtplib.send(
            _letter(settings, handle=handle, code=code, minutes=minutes),
            sender=settings.sender,
            recipients=[handle.text],  # exactly this one, whatever a header may be read as
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password or None,
            use_tls=settings.security is MailSecurity.TLS,
            start_tls=settings.security is MailSecurity.STARTTLS,
            timeout=ATTEMPT_S_MAX,
        )
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        raise MailFailed(f"{settings.host}:{settings.port} did not take it: {_told(error, handle)}") from error


def _letter(settings: MailSettings, *, handle: Handle, code: str, minutes: int) -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = settings.sender
    letter["To"] = handle.text
    letter["Subject"] = "Your Answerback code"  # not the code: subjects show on locked screens
    letter["Date"] = format_datetime(localtime())
    letter["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2])
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(
        f"Your code is {code}\n\nIt is good for {minutes} minutes and for one use. If you did not ask for it, somebody "
        "mistyped\nan address; you need do nothing. Nobody from this relay will ever ask you for the code.\n"
    )
    return letter


def _told(error: Exception, handle: Handle) -> str:
    """Say an error without the handle, which mail servers like to repeat."""
    return f"{type(error).__name__}: {error}".replace(handle.text, handle.masked)
