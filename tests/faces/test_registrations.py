"""Proves that a status says how a registration stands, until when, why, and what is being done."""

from answerback.core.facts import KeepLease, KeepRelay
from answerback.core.memory import Memory
from answerback.faces.registrations import registration_lines, registration_on_disk
from answerback.model.causes import Cause
from tests.device.relays import now_ms

DAY_MS = 86_400_000


def lines(lease: KeepLease | None) -> dict[str, str]:
    told = registration_on_disk(Memory(lease=lease, relay=KeepRelay(b"", b"", 0)))
    return dict(registration_lines(told, now_ms=now_ms()))


def test_one_line_where_all_is_well() -> None:
    said = lines(KeepLease(seen_ms=now_ms(), length_s=90 * 86_400, since_ms=now_ms() - DAY_MS))
    assert list(said) == ["registered"]
    assert "ends in 90 days" in said["registered"]


def test_what_is_wrong_comes_with_its_reason_and_what_is_done() -> None:
    stale = lines(KeepLease(seen_ms=now_ms() - 40 * DAY_MS, length_s=90 * 86_400, since_ms=1))
    assert stale["standing"].startswith("stale, since")
    assert "ends in 50 days" in stale["standing"]
    assert "connecting" in stale["we"]
    ended = lines(KeepLease(seen_ms=now_ms() - 91 * DAY_MS, length_s=90 * 86_400, since_ms=1))
    assert ended["standing"].startswith("expired, since")
    revoked = lines(KeepLease(1, 1, now_ms(), Cause.ACCOUNT_DEVICE_REVOKED))
    assert revoked["standing"].startswith("revoked")
    assert "removed" in revoked["why"]


def test_before_the_first_contact_it_is_being_made() -> None:
    assert lines(None)["standing"].startswith("renewing")
