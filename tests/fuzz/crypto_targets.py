"""What hostile bytes meet in `crypto/`: signed values, sealed ones, Olm messages, segments of files, pickles.

Signatures and seals keep strangers out; a contact who holds the right keys signs and seals whatever it likes. So half
of these inputs are signed or sealed properly, around what is broken. Keys are fixed: what is found is found again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from answerback.crypto.files import open_file, open_segment, seal_file
from answerback.crypto.identity import DeviceKeys, Purpose, RootKey, check_device_lists, read_device_list
from answerback.crypto.linking import Direction, box_open, box_seal
from answerback.crypto.prekeys import SealSecret, check_prekey, check_seal_key, seal_key_id
from answerback.crypto.primitives import (
    CannotOpenError,
    aead_seal,
    ed25519_public,
    ed25519_sign,
    hpke_seal,
    sha256,
    xwing_public,
)
from answerback.crypto.ratchet import Ratchet
from answerback.crypto.seal import LockedLetter, lock_letter, open_envelope, padme, seal_envelope, unlock_letter
from answerback.device.linking import Grant, Offer, Request
from answerback.model.devices import SIGNED_BYTES_MAX, Device, DeviceList, PreKey, SealKey, Signed
from answerback.model.envelope import SEALED_BYTES_MAX
from answerback.model.errors import AnswerbackError, PeerError, TrustError
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId, device_id
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.codec import decode, encode
from answerback.wire.letters import Inner, Post, Slip
from tests.fuzz.mutation import tree_of
from tests.fuzz.target import BrokenPromise, Probe, Target

ROOT: Final = RootKey(b"\1" * 32)
SIGNING_SEED: Final = b"\2" * 32
CURVE_KEY: Final = bytes(range(32))
SIGNING_KEY: Final = ed25519_public(SIGNING_SEED)
DEVICE: Final = Device(device_id(SIGNING_KEY), SIGNING_KEY, CURVE_KEY, 1)
SECRET: Final = SealSecret(seal_key_id(xwing_public(b"\3" * 32)), b"\3" * 32, 1)
BOX_KEY: Final = b"\4" * 32
PICKLE_KEY: Final = b"\5" * 32
CASE_BYTES_MAX: Final = 2 * SEALED_BYTES_MAX
"""What is larger no frame lets through to these doors; taking it apart here would be this file's own work."""


def _signed(purpose: Purpose, body: bytes, *, seed: bytes) -> Signed:
    return Signed(body, ed25519_sign(seed, purpose.value + body))


# ---- what is signed ------------------------------------------------------------------------------------------------

FIRST: Final = DeviceList(ROOT.account_id, ROOT.public_key, 1, b"", (DEVICE,), 5)
FIRST_SIGNED: Final = _signed(Purpose.DEVICE_LIST, encode(FIRST), seed=ROOT.seed)


def _run_signed(data: bytes) -> int:
    tree = tree_of(data) if len(data) <= CASE_BYTES_MAX else None
    if not isinstance(tree, list) or len(tree) != 3 or not isinstance(tree[1], bytes):
        raise PeerError("no case")
    kind, body, signature = tree
    if len(body) > SIGNED_BYTES_MAX:
        raise PeerError("no frame could carry it")
    forged = signature if isinstance(signature, bytes) and signature else None
    if kind == 0:
        _device_list(Signed(body, forged) if forged else _signed(Purpose.DEVICE_LIST, body, seed=ROOT.seed))
    elif kind == 1:
        signed = Signed(body, forged) if forged else _signed(Purpose.PREKEY, body, seed=SIGNING_SEED)
        Ratchet.start(KEYS, DEVICE, check_prekey(signed, DEVICE)).encrypt(b"can be used")
    else:
        signed = Signed(body, forged) if forged else _signed(Purpose.SEAL_KEY, body, seed=SIGNING_SEED)
        key = check_seal_key(signed, DEVICE)
        seal_envelope(_inner(), device=DEVICE.id, seal_key=key, lane=Lane.NORMAL, lifetime_s=60)
    return 1


def _device_list(signed: Signed) -> None:
    read = read_device_list(ROOT.account_id, signed)
    for known, newer in ((None, [signed]), (FIRST_SIGNED, [signed]), (FIRST_SIGNED, [FIRST_SIGNED, signed, signed])):
        with suppress(TrustError):
            newest = check_device_lists(ROOT.account_id, known=known, newer=newer)
            if known is not None and newest is not None and newest.version != FIRST.version + 1:
                raise BrokenPromise("a list was taken that does not follow the known one")
    if len({device.id for device in read.devices}) != len(read.devices):
        raise BrokenPromise("a device stands twice in a list that was taken")


def _inner() -> Inner:
    return Inner(ROOT.account_id, DEVICE.id, Lane.NORMAL, 1, b"olm", b"letter")


KEYS: Final = DeviceKeys.generate()


@contextmanager
def _open_signed() -> Iterator[Probe]:
    following = DeviceList(ROOT.account_id, ROOT.public_key, 2, sha256(FIRST_SIGNED.body), (DEVICE,), 6)
    public = xwing_public(b"\6" * 32)
    cases = (
        (0, encode(FIRST)),
        (0, encode(following)),
        (1, encode(PreKey(DEVICE.id, CURVE_KEY, fallback=False))),
        (2, encode(SealKey(DEVICE.id, seal_key_id(public), public, 5))),
    )
    seeds = [encode([kind, body, b""]) for kind, body in cases]
    seeds += [encode([kind, body, b"s" * 64]) for kind, body in cases]
    yield Probe(_run_signed, seeds, (TrustError, PeerError))


# ---- what is sealed ------------------------------------------------------------------------------------------------

POST: Final = Post(
    MessageId(b"m" * 16),
    ConversationId(b"c" * 16),
    [AccountId(b"a" * 16)],
    "hello",
    None,
    Urgency.NORMAL,
    Stamp(5, 0),
    [],
    10**12,
)
FILE: Final = b"".join(seal_file(b"\7" * 32, [b"x" * 70_000]))


def _slip(letter: LockedLetter) -> Slip:
    account, device = AccountId(b"a" * 16), DeviceId(b"d" * 16)
    return Slip(MessageId(b"m" * 16), letter.key, letter.sha256, 1, account, device, account, device, 1, "phone")


class Sealed:
    """Opens what a stranger, or a contact with all keys, has put into an envelope, a box or a file."""

    def __init__(self) -> None:
        self.receiver, self.hostile = _pair()
        self._open: tuple[Callable[[bytes], object], ...] = (
            self._envelope,
            self._inside,
            self._letter,
            self._box,
            self._word,
            self._olm_first,
            self._olm_normal,
            self._file,
            self._pickles,
        )
        self._runs = 0

    def run(self, data: bytes) -> int:
        tree = tree_of(data) if len(data) <= CASE_BYTES_MAX else None
        if not isinstance(tree, list) or len(tree) != 2 or not isinstance(tree[1], bytes):
            raise PeerError("no case")
        kind, content = tree
        self._runs += 1
        if self._runs % 200 == 0:
            self._still_talks()
        self._open[kind % len(self._open) if isinstance(kind, int) else 0](content)
        return 1

    def _still_talks(self) -> None:
        """Whatever was tried on a session, the next honest message opens."""
        if self.receiver.decrypt(*self.hostile.encrypt(b"honest")) != b"honest":
            raise BrokenPromise("an honest message was opened to something else")

    def _envelope(self, content: bytes) -> None:
        open_envelope(content, device=DEVICE.id, secrets={SECRET.id: SECRET})

    def _inside(self, content: bytes) -> None:
        info = b"answerback envelope\0" + b"\x01" + DEVICE.id + SECRET.id
        framed = len(content).to_bytes(4, "big") + content
        boxed = hpke_seal(xwing_public(SECRET.secret), framed.ljust(padme(len(framed)), b"\0"), info=info)
        self._envelope(b"\x01" + SECRET.id + boxed)

    def _letter(self, content: bytes) -> None:
        key = b"\x08" * 32
        locked = LockedLetter(aead_seal(key, bytes(12), content, aad=b"answerback letter v1\0"), key, sha256(content))
        repr(unlock_letter(locked.ciphertext, _slip(locked)))
        with suppress(CannotOpenError):
            unlock_letter(content, _slip(locked))

    def _box(self, content: bytes) -> None:
        box_open(BOX_KEY, content, direction=Direction.TO_NEW_DEVICE)

    def _word(self, content: bytes) -> None:
        opened = box_open(
            BOX_KEY, box_seal(BOX_KEY, content, direction=Direction.TO_NEW_DEVICE), direction=Direction.TO_NEW_DEVICE
        )
        for kind in (Offer, Request, Grant):
            with suppress(PeerError):
                repr(decode(opened, kind))

    def _olm_first(self, content: bytes) -> None:
        self.receiver.matches(content)
        Ratchet.accept(KEYS, identity_key=CURVE_KEY, olm=content)

    def _olm_normal(self, content: bytes) -> None:
        for olm_type in (0, 1, 2):
            with suppress(CannotOpenError):
                self.receiver.decrypt(olm_type, content)

    def _file(self, content: bytes) -> None:
        for last in (True, False):
            with suppress(CannotOpenError):
                open_segment(b"\7" * 32, 0, content, last=last)
        for _ in open_file(b"\7" * 32, [content[: len(content) // 2], content[len(content) // 2 :]]):
            pass

    def _pickles(self, content: bytes) -> None:
        text = content.decode("ascii", "replace")
        with suppress(CannotOpenError):
            Ratchet.from_pickle(text, PICKLE_KEY)
        DeviceKeys.from_pickle(text, PICKLE_KEY)


def _pair() -> tuple[Ratchet, Ratchet]:
    there = DeviceKeys.generate()
    there.olm.generate_one_time_keys(1)
    (key,) = there.olm.one_time_keys.values()
    device = there.device(1)
    hostile = Ratchet.start(KEYS, device, PreKey(device.id, key.to_bytes(), fallback=False))
    _, first = hostile.encrypt(b"first")
    receiver, _ = Ratchet.accept(there, identity_key=KEYS.identity_key, olm=first)
    hostile.decrypt(*receiver.encrypt(b"answer"))
    return receiver, hostile


@contextmanager
def _open_sealed() -> Iterator[Probe]:
    sealed = Sealed()
    public = SealKey(DEVICE.id, SECRET.id, xwing_public(SECRET.secret), 1)
    envelope = seal_envelope(_inner(), device=DEVICE.id, seal_key=public, lane=Lane.NORMAL, lifetime_s=60)
    keys = Signed(encode(FIRST), b"s" * 64)
    stranger = DeviceKeys.generate()
    stranger.olm.generate_one_time_keys(1)
    (one_time,) = stranger.olm.one_time_keys.values()
    device = stranger.device(1)
    first = Ratchet.start(KEYS, device, PreKey(device.id, one_time.to_bytes(), fallback=False)).encrypt(b"hi")[1]
    cases: tuple[tuple[int, Any], ...] = (
        (0, envelope.sealed),
        (1, encode(_inner())),
        (2, encode(POST)),
        (2, lock_letter(POST).ciphertext),
        (3, box_seal(BOX_KEY, b"word", direction=Direction.TO_NEW_DEVICE)),
        (4, encode(Offer(ROOT.account_id, "ann@example.org", "https://relay.example", b""))),
        (4, encode(Request(DEVICE, "phone"))),
        (4, encode(Grant(keys, ROOT.seed))),
        (5, first),
        (6, sealed.hostile.encrypt(b"normal")[1]),
        (7, FILE[:200]),
        (8, KEYS.pickle(PICKLE_KEY).encode()),
        (8, sealed.hostile.pickle(PICKLE_KEY).encode()),
    )
    yield Probe(sealed.run, [encode([kind, content]) for kind, content in cases], (AnswerbackError,))


CRYPTO_TARGETS = (
    Target(name="signed", what="device lists, pre-keys and seal keys", open=_open_signed, weight=12),
    Target(name="sealed", what="envelopes, boxes, Olm messages, files, pickles", open=_open_sealed, weight=40),
)
