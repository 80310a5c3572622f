"""Proves against a real SMTP server that a code reaches its one address, and that a failure is said without it."""

import asyncio
import email.message
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from answerback.model.handle import Handle, parse_handle
from answerback.transport import mail
from answerback.transport.mail import MailFailed, MailSecurity, MailSettings, mail_code

ANN = parse_handle("ann@example.org")


class Mailbox:
    """What a mail server took, or refuses to."""

    def __init__(self, *, refusal: str = "") -> None:
        self.refusal = refusal
        self.taken: list[Envelope] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # its name there
        if self.refusal:
            return self.refusal
        self.taken.append(envelope)
        return "250 taken"


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[MailSettings]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield MailSettings(host="127.0.0.1", port=port, sender="relay@example.net", security=MailSecurity.NONE)
    finally:
        controller.stop()


def send(settings: MailSettings, handle: Handle = ANN) -> None:
    asyncio.run(mail_code(settings, handle=handle, code="123456", minutes=10))


def test_a_code_reaches_its_address_and_its_subject_does_not_show_it() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as settings:
        send(settings)
    (envelope,) = mailbox.taken
    assert envelope.rcpt_tos == ["ann@example.org"]
    assert envelope.mail_from == "relay@example.net"
    assert isinstance(envelope.content, bytes)
    letter = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(letter, email.message.EmailMessage)
    assert "123456" in letter.get_content()
    assert "123456" not in letter["Subject"]
    assert letter["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    "text", ["a>,<b@example.org", "a,b@example.org", '"a"@example.org', "ä@example.org", "a..b@example.org"]
)
def test_an_address_that_could_say_more_than_a_name_is_not_mailed_to(text: str) -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as settings, pytest.raises(MailFailed):
        send(settings, Handle(text))
    assert mailbox.taken == []


def test_a_refusal_is_said_without_the_address_it_repeats() -> None:
    refusing = Mailbox(refusal="550 no such person: ann@example.org")
    with mail_server(refusing) as settings, pytest.raises(MailFailed, match="no such person") as failed:
        send(settings)
    assert "ann@example.org" not in str(failed.value)


def test_a_server_that_is_not_there_is_said() -> None:
    with mail_server(Mailbox()) as settings:
        pass
    with pytest.raises(MailFailed, match="did not take it"):
        send(settings)


def test_a_server_without_starttls_gets_no_code_in_clear() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as plain:
        settings = MailSettings(host=plain.host, port=plain.port, sender=plain.sender)
        with pytest.raises(MailFailed):
            send(settings)
    assert mailbox.taken == []


def test_a_server_that_never_greets_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "ATTEMPT_S_MAX", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        host, port = silent.getsockname()
        with pytest.raises(MailFailed):
            send(MailSettings(host=host, port=port, sender="relay@example.net", security=MailSecurity.NONE))


def test_settings_never_show_their_password() -> None:
    assert "s3cret" not in repr(MailSettings(host="h", port=1, sender="s", username="u", password="s3cret"))
