"""Adds a second device to an account: two devices meet in a box at the relay, with a code only they know.

    slot 0  old → new   Offer    who the account is, where its relay is and how to recognise it
    slot 1  new → old   Request  the new device's public keys and name
    slot 2  old → new   Grant    the device list that now has it, and the account's root key

Everything in the box is sealed with a key stretched from the code (crypto/linking.py): the relay carries it and cannot
read, change or add a device. The old device asks its person before it grants; nothing, sealed, in slot 2 says no.

Save, then speak: the new device's keys are on its disk before it asks. A linking that broke off may have put them on
the account's list already, so the next one brings the same keys: nobody is to wait for a device that never comes.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from answerback.core.facts import KeepDeviceList, KeepOwnList
from answerback.crypto.identity import RootKey, next_device_list, read_device_list
from answerback.crypto.linking import Direction, LinkCode, box_open, box_seal, make_link_code, parse_link_code
from answerback.crypto.primitives import CannotOpenError
from answerback.device.home import make_journal
from answerback.device.preparing import prepared
from answerback.device.registering import Relay
from answerback.model.causes import Cause
from answerback.model.devices import Device, Signed
from answerback.model.errors import RefusedError, TrustError, UsageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId
from answerback.model.invitation import PIN_BYTES
from answerback.storage.identity import Identity
from answerback.storage.vault import KeySource
from answerback.transport.failures import Deferred
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import decode, encode
from answerback.wire.requests import BOX_WAIT_S_MAX

OFFER, REQUEST, GRANT = range(3)
WAITS_MAX = 24
"""Long polls of 25 s: ten minutes, as long as a box and its code live."""
AGAIN_S_MIN = 1.0
"""Before a relay that has no place to wait in is asked again, whatever it says."""
DECLINED = b""
SCHEME = "answerback://link"
NO_HISTORY_SETTING = "history.declined"


class Offer(msgspec.Struct, frozen=True, array_like=True):
    """What the old device says first."""

    account: AccountId
    handle: str
    relay_url: str
    relay_pin: bytes


class Request(msgspec.Struct, frozen=True, array_like=True):
    """What the new device answers."""

    device: Device
    name: str


class Grant(msgspec.Struct, frozen=True, array_like=True):
    """What makes it one of the account's devices."""

    list: Signed
    root_seed: bytes

    def __repr__(self) -> str:
        """Never show the root key."""
        return "Grant(…)"


@dataclass(frozen=True, slots=True)
class LinkText:
    """All a new device needs to know: in a QR code, or typed."""

    relay: Relay
    code: str

    def __str__(self) -> str:
        """Write it for a QR code or for pasting."""
        words = {"relay": self.relay.url, "code": self.code}
        if self.relay.pin:
            words["pin"] = self.relay.pin.hex()
        return f"{SCHEME}?{urlencode(words, quote_via=quote)}"


def parse_link_text(text: str) -> LinkText:
    """Read what a QR code held."""
    try:
        text.encode()  # a shell hands over bytes that are no text, too
        parts = urlsplit(text.strip())
        words = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pin = bytes.fromhex(words["pin"]) if "pin" in words else None
    except ValueError as error:
        raise UsageError(f"this is not a link text: {error}") from error
    if f"{parts.scheme}://{parts.netloc}" != SCHEME or not {"relay", "code"} <= words.keys():
        raise UsageError("this is not a link text; one looks like answerback://link?relay=…&code=…")
    if pin is not None and len(pin) != PIN_BYTES:
        raise UsageError(f"the link's pin is not {2 * PIN_BYTES} hexadecimal digits: was the link cut?")
    return LinkText(Relay(words["relay"], pin), words["code"])


# ---- the old device ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Linking:
    """The old device's side of one linking."""

    identity: Identity
    code: LinkCode

    @classmethod
    def begin(cls, identity: Identity) -> "Linking":
        """Make a code. Only a device that holds the account's root key can."""
        if identity.root_seed is None:
            raise UsageError("this device may not add others: it does not hold the account's root key")
        return cls(identity, make_link_code())

    @property
    def text(self) -> LinkText:
        """What the QR code shows."""
        return LinkText(Relay(self.identity.relay_url, self.identity.relay_pin), self.code.text)

    async def meet(self) -> Request:
        """Wait for the new device. Raises `RefusedError` if it did not come in time."""
        own = self.identity
        offer = Offer(own.account, own.handle.text, own.relay_url, own.relay_pin or b"")
        async with RelayHttp(own.relay_url, pin=own.relay_pin or b"") as http:
            sealed = box_seal(self.code.key, encode(offer), direction=Direction.TO_NEW_DEVICE)
            await http.put_box(self.code.box_id, slot=OFFER, content=sealed)
            answer = await _wait(http, self.code, REQUEST)
        return decode(_opened(self.code, answer, Direction.FROM_NEW_DEVICE), Request)

    async def grant(
        self, request: Request, current: Signed, *, announce: Callable[[Signed], Awaitable[None]], now_ms: int
    ) -> Device:
        """Put the new device on the account's list, have the relay take the list, then hand over what it needs."""
        own = self.identity
        assert own.root_seed is not None
        root = RootKey.from_seed(own.root_seed, account=own.account)
        before = read_device_list(own.account, current)
        device = msgspec.structs.replace(request.device, added_ms=now_ms)
        others = tuple(known for known in before.devices if known.id != device.id)
        signed = next_device_list(root, current, (*others, device), now_ms)
        await announce(signed)
        async with RelayHttp(own.relay_url, pin=own.relay_pin or b"") as http:
            grant = box_seal(self.code.key, encode(Grant(signed, root.seed)), direction=Direction.TO_NEW_DEVICE)
            await http.put_box(self.code.box_id, slot=GRANT, content=grant)
        return device

    async def decline(self) -> None:
        """Tell the new device that the person said no."""
        own = self.identity
        async with RelayHttp(own.relay_url, pin=own.relay_pin or b"") as http:
            sealed = box_seal(self.code.key, DECLINED, direction=Direction.TO_NEW_DEVICE)
            await http.put_box(self.code.box_id, slot=GRANT, content=sealed)


# ---- the new device ------------------------------------------------------------------------------------------------


async def join(
    folder: Path,
    relay: Relay,
    code_text: str,
    *,
    device_name: str,
    source: KeySource,
    passphrase: str | None = None,
    history: bool = True,
    now_ms: int,
) -> Identity:
    """Become one of an account's devices, which takes the history if one is offered.

    Raises `TrustError` if relay or account are not those of the offer.
    """
    code = parse_link_code(code_text)
    journal = make_journal(folder, source=source, passphrase=passphrase)
    try:
        before = journal.identity()
        if before is not None and before.registered_ms:
            raise UsageError(f"this device is registered already, as {before.handle}; give another --home")
        async with RelayHttp(relay.url, pin=relay.pin or b"") as http:
            offer = decode(_opened(code, await _wait(http, code, OFFER), Direction.TO_NEW_DEVICE), Offer)
            if (offer.relay_pin or None) != relay.pin:
                raise TrustError("the relay we reached is not the one the other device uses: its certificate differs")
            identity, keys = prepared(
                journal,
                relay,
                account=offer.account,
                handle=Handle(offer.handle),
                root_seed=None,
                device_name=device_name,
            )
            request = Request(keys.device(now_ms), device_name)
            sealed = box_seal(code.key, encode(request), direction=Direction.FROM_NEW_DEVICE)
            await http.put_box(code.box_id, slot=REQUEST, content=sealed)
            answer = _opened(code, await _wait(http, code, GRANT), Direction.TO_NEW_DEVICE)
        if answer == DECLINED:
            raise RefusedError(Cause.UNKNOWN, "not linked: on the other device the answer was no")
        grant = decode(answer, Grant)
        newest = read_device_list(offer.account, grant.list)
        root = RootKey.from_seed(grant.root_seed, account=offer.account)
        if newest.device(keys.device_id) is None or root.public_key != newest.root_key:
            raise TrustError("what the other device handed over does not make this device one of its account's")
        own = KeepOwnList(newest.version, grant.list)
        journal.commit([KeepDeviceList(offer.account, newest.version, grant.list), own])
        if not history:
            journal.keep_setting(NO_HISTORY_SETTING, "yes")
        linked = replace(identity, root_seed=grant.root_seed, registered_ms=now_ms)
        journal.keep_identity(linked)
        return linked
    finally:
        journal.close()


async def _wait(http: RelayHttp, code: LinkCode, slot: int) -> bytes:
    """Wait for a slot to be filled; where the relay has no place to wait in, come back when it says."""
    waits = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WAITS_MAX * BOX_WAIT_S_MAX):
            while waits < WAITS_MAX:
                try:
                    content = await http.get_box(code.box_id, slot=slot)
                except Deferred as deferred:
                    await asyncio.sleep(max(deferred.retry_after_ms / 1000, AGAIN_S_MIN))
                    continue
                if content is not None:
                    return content
                waits += 1
    raise RefusedError(Cause.ACCOUNT_CODE_EXPIRED, "the other device did not answer in ten minutes; make a new code")


def _opened(code: LinkCode, sealed: bytes, direction: Direction) -> bytes:
    try:
        return box_open(code.key, sealed, direction=direction)
    except CannotOpenError as error:
        raise TrustError("what lies in the box was not put there by a device that knows the code") from error
