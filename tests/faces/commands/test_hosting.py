"""Proves that a relay is told how to run, and that an invitation says what a newcomer needs."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from answerback.faces.cli import cli
from answerback.faces.commands.hosting import SETTINGS_FILE, parse_sms, parse_smtp, relay_folder, sms_password
from answerback.model.errors import UsageError
from answerback.model.invitation import parse_invitation
from answerback.transport.mail import MailSecurity


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def kept(folder: Path, **changes: object) -> Path:
    folder.mkdir()
    settings = {"host": "127.0.0.1", "port": 7443, "tls": "own", "public_url": "", **changes}
    (folder / SETTINGS_FILE).write_text(json.dumps(settings))
    return folder


def test_an_invitation_names_relay_pin_and_token(tmp_path: Path) -> None:
    result = run("invite", "--data", str(kept(tmp_path / "relay")), "--uses", "3", "--valid", "12h", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["uses"], told["valid_s"]) == (3, 43_200)
    invitation = parse_invitation(told["invitation"])
    assert invitation.url == "https://127.0.0.1:7443"
    assert len(invitation.pin) == 32
    assert invitation.token


def test_for_people_the_link_stands_alone_on_standard_output(tmp_path: Path) -> None:
    result = run("invite", "--data", str(kept(tmp_path / "relay")), "--public-url", "https://relay.example")
    assert result.stdout.strip().startswith("answerback://relay.example:443/?pin=")
    assert len(result.stdout.split()) == 1
    assert "For one person, for 7 days." in result.stderr


def test_a_relay_that_was_never_started_invites_nobody(tmp_path: Path) -> None:
    result = run("invite", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert "answerback serve" in result.stderr


def test_a_relay_that_listens_everywhere_must_say_where_it_is_reached(tmp_path: Path) -> None:
    result = run("invite", "--data", str(kept(tmp_path / "relay", host="0.0.0.0")))
    assert result.exit_code == 2
    assert "public URL" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--tls", "maybe"),
        ("--smtp", "http://x"),
        ("--public-url", "http://x"),
        ("--tls", "a.pem,b.pem"),
        ("--port", "x"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_runs(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = run("serve", "--data", str(tmp_path / "relay"), *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_mail_server_is_one_url() -> None:
    mail = parse_smtp("smtp://me%40x:p%3Aw@mail.example/?from=relay@example.org")
    assert (mail.host, mail.port, mail.sender) == ("mail.example", 587, "relay@example.org")
    assert (mail.username, mail.password, mail.security) == ("me@x", "p:w", MailSecurity.STARTTLS)
    assert parse_smtp("smtps://mail.example/?from=a@b").security is MailSecurity.TLS
    assert parse_smtp("smtp://localhost:25/?from=a@b&security=none").security is MailSecurity.NONE
    for bad in ("smtp://mail.example", "mail.example", "smtp://m:x/?from=a@b", "smtp://m/?from=a@b&security=some"):
        with pytest.raises(UsageError):
            parse_smtp(bad)


def test_the_relays_folder_lies_beside_the_devices() -> None:
    assert relay_folder(None).name == "answerback-relay"
    assert relay_folder(Path("x")) == Path("x")


def test_a_message_centre_is_read_from_its_url_and_its_password_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("from-file\n")
    file.chmod(0o600)
    monkeypatch.setenv("ANSWERBACK_SMS_PASSWORD", "from-env")
    assert sms_password(None) == "from-env"
    assert sms_password(file) == "from-file"
    centre = parse_sms("smpp://relay@centre.example/?from=Relay", password="secret")
    assert (centre.host, centre.port, centre.system_id, centre.password) == ("centre.example", 2775, "relay", "secret")
    assert (centre.sender, centre.tls) == ("Relay", False)
    assert parse_sms("smpps://relay@centre.example:1/?from=1", password="").tls


def test_a_password_that_others_could_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ANSWERBACK_SMS_PASSWORD"):
        parse_sms("smpp://relay:secret@centre.example/", password="")
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        sms_password(file)
    with pytest.raises(UsageError, match="cannot be read"):
        sms_password(tmp_path / "nothing")
    for bad in ("centre.example", "smpp://centre.example", "smpp://me@c:x/", "http://me@c/"):
        with pytest.raises(UsageError):
            parse_sms(bad, password="")
