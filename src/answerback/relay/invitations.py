"""Makes the links that let people join, while the relay runs or not."""

import secrets
import time
from urllib.parse import urlsplit

from answerback.model.errors import UsageError
from answerback.model.invitation import PORT_USUAL, Invitation
from answerback.relay.accounts import INVITATION_RANDOM_BYTES, token_hash
from answerback.relay.app import STORE_FILE
from answerback.relay.certificate import CERTIFICATE_FILE, hosts_of, own_certificate, pin_of
from answerback.relay.serve import RelaySettings, Tls
from answerback.storage.account_store import AccountStore
from answerback.storage.database import open_database
from answerback.storage.lock import FolderLock

USES_MAX = 1_000
LIFETIME_S_MAX = 366 * 86_400
"""A link that opens a door should not outlive the memory of having sent it."""
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104  # to say that it is no address


def make_invitation(settings: RelaySettings, *, uses: int = 1, lifetime_s: int = 7 * 86_400) -> Invitation:
    """Make a link for so many people, good for so long; SQLite lets us write beside a running relay."""
    if not 1 <= uses <= USES_MAX:
        raise UsageError(f"an invitation is for 1 to {USES_MAX} people")
    if not 1 <= lifetime_s <= LIFETIME_S_MAX:
        raise UsageError(f"an invitation lives from 1 second to {LIFETIME_S_MAX // 86_400} days")
    host, port = _reached_at(settings)
    pin = _own_pin(settings) if settings.tls is Tls.OWN else b""
    token = secrets.token_urlsafe(INVITATION_RANDOM_BYTES)
    invitation = Invitation(host=host, port=port, pin=pin, token=token)
    _keep(settings, token, uses=uses, lifetime_s=lifetime_s)
    return invitation


def _reached_at(settings: RelaySettings) -> tuple[str, int]:
    if settings.public_url:
        parts = urlsplit(settings.public_url)
        return (parts.hostname or "").lower(), parts.port or PORT_USUAL
    if settings.tls is Tls.NONE:
        raise UsageError("a relay without TLS is joined through a proxy: say its public URL")
    if settings.host in EVERYWHERE or not settings.port:
        raise UsageError("say the public URL: nobody can tell from the address it listens on where it is reached")
    return settings.host, settings.port


def _own_pin(settings: RelaySettings) -> bytes:
    path = settings.folder / CERTIFICATE_FILE
    if not path.exists():  # not yet started: make what its first start would make, and let nobody start it meanwhile
        lock = FolderLock(settings.folder)
        try:
            own_certificate(settings.folder, hosts=hosts_of(settings.host))
        finally:
            lock.release()
    return pin_of(path.read_bytes())


def _keep(settings: RelaySettings, token: str, *, uses: int, lifetime_s: int) -> None:
    now_ms = time.time_ns() // 1_000_000
    database = open_database(settings.folder / STORE_FILE, schema="relay")
    try:
        with database.transaction():
            AccountStore(database).keep_invitation(
                token_hash(token), uses=uses, expires_ms=now_ms + lifetime_s * 1000, now_ms=now_ms
            )
    finally:
        database.close()
