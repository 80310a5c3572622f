"""Hosts: runs a relay, and invites people to it."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import click
import msgspec

from answerback.faces.loop import run
from answerback.faces.output import note, say, show_qr, tell_json
from answerback.faces.times import parse_duration, span
from answerback.model.errors import StorageError, UsageError

if TYPE_CHECKING:
    from answerback.model.handle import Handle
    from answerback.relay.certificate import CertificateFiles
    from answerback.relay.serve import Ready, RelaySettings, Tls
    from answerback.transport.carriers.smpp import SmppSettings
    from answerback.transport.mail import MailSettings

SETTINGS_FILE = "relay.json"
PORT_USUAL = 7443
SMS_PASSWORD_VARIABLE = "ANSWERBACK_SMS_PASSWORD"  # noqa: S105 - the name of a variable
SMTP_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314 §3.3


class Kept(msgspec.Struct, frozen=True):
    """What an invitation has to say of a relay: kept when it starts, so that `invite` need not be told again."""

    host: str
    port: int
    tls: str
    public_url: str


def _data_option(command: click.decorators.FC) -> click.decorators.FC:
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--data", type=kind, envvar="ANSWERBACK_RELAY", help="The relay's folder.")(command)


@click.command()
@_data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 is all.")
@click.option(
    "--port",
    metavar="N",
    type=click.IntRange(0, 65_535),
    default=PORT_USUAL,
    show_default=True,
    help="0 takes a free one.",
)
@click.option(
    "--tls", default="own", show_default=True, metavar="own|none|CERT,KEY", help="Whose certificate it shows."
)
@click.option("--open", "is_open", is_flag=True, help="Let anybody join, without an invitation.")
@click.option(
    "--smtp", metavar="URL", envvar="ANSWERBACK_SMTP", help="Send codes by mail: smtp://USER:PASS@HOST/?from=ADDRESS"
)
@click.option(
    "--sms",
    metavar="URL",
    envvar="ANSWERBACK_SMS",
    help="Send codes by text message: smpp://SYSTEM_ID@HOST/?from=SENDER",
)
@click.option(
    "--sms-password-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The message centre's password, in a file only you can read; else ANSWERBACK_SMS_PASSWORD.",
)
@click.option("--public-url", default="", metavar="URL", help="Where devices reach it, if not where it listens.")
@click.option("--push-contact", default="", metavar="URL", help="Whom push services may write to: mailto:ADDRESS.")
@click.option("--push-private", is_flag=True, help="Let devices be woken by push services on this network.")
@click.option(
    "--device-lease",
    default="90d",
    show_default=True,
    metavar="TIME",
    help="How long a device without contact is kept reachable; 31d at least.",
)
@click.option("--metrics-token", default="", envvar="ANSWERBACK_METRICS_TOKEN", help="Who knows it may read /metrics.")
@click.option("--json", "as_json", is_flag=True, help="Print lines of JSON.")
def serve(
    *,
    data: Path | None,
    host: str,
    port: int,
    tls: str,
    is_open: bool,
    smtp: str | None,
    sms: str | None,
    sms_password_file: Path | None,
    public_url: str,
    push_contact: str,
    push_private: bool,
    device_lease: str,
    metrics_token: str,
    as_json: bool,
) -> None:
    """Run a relay: one process, one port, one folder.

    It makes a certificate of its own at its first start; invitations say how to recognise it. One-time codes are
    printed here, unless --smtp or --sms sends them. Ctrl-C stops it; nothing it has accepted is lost.
    """
    from answerback.relay.limits import RelayLimits
    from answerback.relay.serve import RelaySettings, run_relay

    folder = relay_folder(data)
    kind, certificate = _certificate(tls)
    settings = RelaySettings(
        folder=folder,
        host=host,
        port=port,
        tls=kind,
        certificate=certificate,
        is_open=is_open,
        mail=parse_smtp(smtp) if smtp else None,
        sms=parse_sms(sms, password=sms_password(sms_password_file)) if sms else None,
        public_url=public_url.rstrip("/"),
        push_contact=push_contact,
        push_private=push_private,
        metrics_token=metrics_token,
        mail_road=RelayLimits(lease_s=_lease_s(device_lease)),
    )
    run(
        run_relay(
            settings,
            on_ready=lambda ready: _tell_ready(settings, ready, as_json=as_json),
            on_code=lambda handle, code: _tell_code(handle, code, as_json=as_json),
        )
    )
    if not as_json:
        click.echo("The relay has stopped. What it accepted is on its disk.")


@click.command()
@_data_option
@click.option(
    "--uses", metavar="N", type=click.IntRange(min=1), default=1, show_default=True, help="How many people may use it."
)
@click.option("--valid", default="7d", show_default=True, metavar="TIME", help="For how long, such as 12h or 7d.")
@click.option("--public-url", default="", metavar="URL", help="Where devices reach the relay.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def invite(*, data: Path | None, uses: int, valid: str, public_url: str, as_json: bool) -> None:
    """Make a link that lets people join your relay.

    The relay may be running or not. Send the link by a way you trust: whoever has it can join.
    """
    from answerback.relay.invitations import make_invitation

    folder = relay_folder(data)
    lifetime_s = parse_duration(valid)
    settings = _kept_settings(folder, public_url.rstrip("/"))
    link = str(make_invitation(settings, uses=uses, lifetime_s=lifetime_s))
    if as_json:
        tell_json({"invitation": link, "uses": uses, "valid_s": lifetime_s})
        return
    show_qr(link)
    click.echo(link)
    people = "one person" if uses == 1 else f"{uses} people"
    note(f"\nFor {people}, for {span(lifetime_s)}. They join with: answerback register LINK THEIR-ADDRESS")


def _lease_s(text: str) -> int:
    from answerback.model.registration import LEASE_S_MIN

    lease_s = parse_duration(text)
    if lease_s < LEASE_S_MIN:
        raise UsageError("a device's lease is 31d at least: mail that was accepted for it is kept for 30 days")
    return lease_s


def relay_folder(chosen: Path | None) -> Path:
    """Where a relay lives unless its operator says otherwise."""
    if chosen is not None:
        return chosen.expanduser()
    from answerback.device.home import default_folder

    return default_folder().with_name("answerback-relay")


def parse_smtp(url: str) -> "MailSettings":
    """Read which mail server carries the codes."""
    from answerback.transport.mail import MailSecurity, MailSettings

    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"the mail server's URL is not right: {error}") from error
    words = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if parts.scheme not in SMTP_PORTS or not parts.hostname or "from" not in words:
        raise UsageError("a mail server looks like smtp://USER:PASSWORD@mail.example:587/?from=relay@example.org")
    usual = MailSecurity.TLS if parts.scheme == "smtps" else MailSecurity.STARTTLS
    try:
        security = MailSecurity(words.get("security", usual.value))
        port = parts.port or SMTP_PORTS[parts.scheme]
    except ValueError as error:
        raise UsageError(f"the mail server's URL is not right: {error}") from error
    return MailSettings(
        host=parts.hostname,
        port=port,
        sender=words["from"],
        security=security,
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def parse_sms(url: str, *, password: str) -> "SmppSettings":
    """Read which message centre carries the codes; its password is never in the URL, which lists of processes show."""
    from answerback.transport.carriers.smpp import SMPP_PORT, SMPP_TLS_PORT, SmppSettings

    ports = {"smpp": SMPP_PORT, "smpps": SMPP_TLS_PORT}
    try:
        parts = urlsplit(url)
        port = parts.port or ports.get(parts.scheme, 0)
    except ValueError as error:
        raise UsageError(f"the message centre's URL is not right: {error}") from error
    if parts.scheme not in ports or not parts.hostname or not parts.username:
        raise UsageError("a message centre looks like smpp://SYSTEM_ID@centre.example:2775/?from=SENDER, or smpps://…")
    if parts.password:
        raise UsageError(
            "the message centre's password is not given in its URL, where others on this machine could read it: use "
            "--sms-password-file, or the variable ANSWERBACK_SMS_PASSWORD"
        )
    words = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return SmppSettings(
        host=parts.hostname,
        port=port,
        system_id=unquote(parts.username),
        password=password,
        sender=words.get("from", ""),
        system_type=words.get("system_type", ""),
        tls=parts.scheme == "smpps",
    )


def sms_password(file: Path | None) -> str:
    """Read the message centre's password from a file that nobody else can read, or from the environment."""
    if file is None:
        return os.environ.get(SMS_PASSWORD_VARIABLE, "")
    from answerback.storage.durable import is_private

    try:
        if not is_private(file):
            raise UsageError(f"others can read {file}, which holds a password: chmod 600 {shlex.quote(str(file))}")
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the password in {file} cannot be read: {error}") from error


def _certificate(text: str) -> "tuple[Tls, CertificateFiles | None]":
    from answerback.relay.certificate import CertificateFiles
    from answerback.relay.serve import Tls

    if text in ("own", "none"):
        return Tls(text), None
    certificate, comma, key = text.partition(",")
    if not comma:
        raise UsageError("--tls is own, none, or two files: CERT,KEY")
    return Tls.FILES, CertificateFiles(Path(certificate), Path(key))


def _tell_ready(settings: "RelaySettings", ready: "Ready", *, as_json: bool) -> None:
    kept = Kept(settings.host, ready.port, settings.tls.value, settings.public_url)
    try:
        (settings.folder / SETTINGS_FILE).write_bytes(msgspec.json.encode(kept) + b"\n")
    except OSError as error:
        raise StorageError(f"{settings.folder / SETTINGS_FILE} cannot be written: {error.strerror}") from error
    if as_json:
        pin = ready.pin.hex() or None
        tell_json({"event": "ready", "url": ready.url, "port": ready.port, "pin": pin, "data": str(settings.folder)})
        return
    say(f"The relay is at {ready.url}, its folder is {settings.folder}.")
    if settings.is_open:
        say(f"Anybody may join: answerback register --relay {ready.url} THEIR-ADDRESS")
    else:
        elsewhere = "" if settings.folder == relay_folder(None) else f" --data {shlex.quote(str(settings.folder))}"
        say(f"Invite somebody, in another terminal: answerback invite{elsewhere}")
    if settings.mail is None and settings.sms is None:
        say("One-time codes are shown here; --smtp would send them by mail, --sms by text message.")
    say("Ctrl-C stops the relay.")


def _tell_code(handle: "Handle", code: str, *, as_json: bool) -> None:
    if as_json:
        tell_json({"event": "code", "handle": handle.text, "code": code})
    else:
        say(f"The code for {handle.text} is {code}. Hand it to them by a way that proves who they are.")


def _kept_settings(folder: Path, public_url: str) -> "RelaySettings":
    from answerback.relay.certificate import CertificateFiles
    from answerback.relay.serve import RelaySettings, Tls

    path = folder / SETTINGS_FILE
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
    except FileNotFoundError as error:
        raise UsageError(f"there is no relay in {folder} yet: `answerback serve` makes one") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    tls = Tls(kept.tls)
    files = CertificateFiles(folder, folder) if tls is Tls.FILES else None  # a link for these names no certificate
    return RelaySettings(
        folder=folder,
        host=kept.host,
        port=kept.port,
        tls=tls,
        certificate=files,
        public_url=public_url or kept.public_url,
    )
