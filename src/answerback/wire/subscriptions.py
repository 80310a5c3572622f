"""Says what a push subscription may be, and what both sides call one.

Theory. A device that sleeps is woken by its system's push service, which knows it by an endpoint: a secret URL. With
Web Push (RFC 8030) two keys come with it, for which the little that is said is sealed (RFC 8291); with the plain form
of UnifiedPush there are none, and what is said is the same for all. A device gives the three to its relay; both call
the whole by a hash of it, so that a device sees in each `Welcome` whether the relay still holds what it last gave.
"""

from hashlib import sha256

from answerback.model.errors import PeerError
from answerback.wire.frames import Subscribe

KEY_BYTES = 65
"""An uncompressed point of P-256 (RFC 8291 §3.1)."""
AUTH_BYTES = 16
"""RFC 8291 §3.2."""
NAME_BYTES = 8
"""Told apart are the few subscriptions one device ever had."""
SCHEME = "https://"


def subscription_name(subscription: Subscribe) -> bytes:
    """Name a subscription; empty for none."""
    if not subscription.endpoint:
        return b""
    parts = (subscription.endpoint.encode(), subscription.key, subscription.auth)
    return sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()[:NAME_BYTES]


def check_subscription(subscription: Subscribe) -> None:
    """Raise `PeerError` for what no push service ever gave anybody."""
    endpoint, key, auth = subscription.endpoint, subscription.key, subscription.auth
    if not endpoint and not key and not auth:
        return
    if not endpoint.startswith(SCHEME) or not (endpoint.isascii() and endpoint.isprintable()) or " " in endpoint:
        raise PeerError(f"a push endpoint begins with {SCHEME} and is plain ASCII")
    sizes_bytes = (len(key), len(auth))
    if sizes_bytes != (0, 0) and (sizes_bytes != (KEY_BYTES, AUTH_BYTES) or key[0] != 4):  # noqa: PLR2004 - SEC 1 §2.3.3
        raise PeerError(f"the keys of a subscription are {KEY_BYTES} and {AUTH_BYTES} bytes; these are {sizes_bytes}")
