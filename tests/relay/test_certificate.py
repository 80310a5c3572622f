"""Proves that the relay's own certificate lasts, is its owner's alone, and can be changed while it runs."""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509

from answerback.model.errors import UsageError
from answerback.relay.certificate import Certificate, CertificateFiles, hosts_of, own_certificate, pin_of


def test_the_first_start_makes_it_and_later_starts_find_it(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, hosts=["localhost"])
    pin = pin_of(first.certificate.read_bytes())
    assert pin_of(own_certificate(tmp_path, hosts=["other"]).certificate.read_bytes()) == pin
    assert stat.S_IMODE(first.key.stat().st_mode) == 0o600


def test_it_names_the_host_and_lives_five_years(tmp_path: Path) -> None:
    files = own_certificate(tmp_path, hosts=["relay.example", "192.0.2.7", "2001:db8::1"])
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["relay.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.7", "2001:db8::1"]
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert dt.timedelta(days=5 * 365) <= lifetime <= dt.timedelta(days=5 * 366 + 2)
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_start_that_died_between_key_and_certificate_makes_both_anew(tmp_path: Path) -> None:
    files = own_certificate(tmp_path, hosts=["localhost"])
    files.certificate.unlink()
    Certificate(own_certificate(tmp_path, hosts=["localhost"]))


def test_where_it_listens_is_among_its_names_unless_that_is_everywhere() -> None:
    assert "relay.example" in hosts_of("Relay.Example")
    assert not {"0.0.0.0", "::"} & {*hosts_of("0.0.0.0"), *hosts_of("::")}
    assert len(hosts_of("localhost")) == len(set(hosts_of("localhost")))


def test_a_reload_takes_the_new_pair_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    files = own_certificate(tmp_path, hosts=["localhost"])
    served = Certificate(files)
    old_pin = served.pin
    new = own_certificate(tmp_path / "new", hosts=["localhost"])
    files.certificate.write_bytes(new.certificate.read_bytes())
    with pytest.raises(UsageError, match="cannot be used"):
        served.reload()  # the key is not yet the new one
    assert served.pin == old_pin
    files.key.write_bytes(new.key.read_bytes())
    served.reload()
    assert served.pin == pin_of(new.certificate.read_bytes())


def test_a_missing_or_locked_certificate_is_said_and_never_asked_for(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    with pytest.raises(UsageError, match="cannot be used"):
        Certificate(CertificateFiles(tmp_path / "none.crt", tmp_path / "none.key"))
    files = own_certificate(tmp_path, hosts=["localhost"])
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    files.key.write_bytes(locked)
    with pytest.raises(UsageError, match="passphrase"):
        Certificate(files)
