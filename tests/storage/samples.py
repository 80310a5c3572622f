"""Facts to try a journal with: a fixed set for golden files, and any at all for properties."""

import sys
from pathlib import Path

from hypothesis import strategies as st

from answerback.core.facts import (
    DropChange,
    DropDraft,
    DropOutgoing,
    DropRatchet,
    DropSealSecret,
    DropTextMessage,
    Fact,
    KeepChange,
    KeepConsent,
    KeepContact,
    KeepCopy,
    KeepCursor,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDeviceName,
    KeepDraft,
    KeepFallback,
    KeepLease,
    KeepMessage,
    KeepNetwork,
    KeepNote,
    KeepOutgoing,
    KeepOwnList,
    KeepPast,
    KeepPrivate,
    KeepRatchet,
    KeepRelay,
    KeepSealKey,
    KeepSealSecret,
    KeepSeen,
    KeepStep,
    KeepStream,
    KeepText,
    KeepTextArrival,
    KeepTextStep,
    KeepTransfer,
    KeepVerified,
    RaiseStage,
)
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.model.bounds import NATURAL_MAX
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.fallback import NO_DEVICE, AsideStage, AsideStep, Choice, Trigger
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, BlobId, ConversationId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import NAME_CHARACTERS_MAX, Attachment, Lane, Message, Urgency
from answerback.model.notes import NoteKind
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage, Step
from answerback.model.trust import How
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal

KEY = bytes(range(32))
CANARY = "the canary sings at dawn"
ANN, BEA = AccountId(b"ann".ljust(16, b".")), AccountId(b"bea".ljust(16, b"."))
PHONE, LAPTOP = DeviceId(b"phone".ljust(16, b".")), DeviceId(b"laptop".ljust(16, b"."))
TALK = ConversationId(b"talk".ljust(16, b"."))
FILE = Attachment(BlobId(b"f" * 16), b"k" * 32, 2_000, 1_900, b"h" * 32, "holiday.jpg", "image/jpeg")
IDENTITY = Identity(
    account=ANN,
    device=LAPTOP,
    device_name="Ann's laptop",
    handle=Handle("ann@example.org"),
    relay_url="https://relay.example.org",
    relay_pin=None,
    root_seed=b"r" * 32,
    pickle_key=b"p" * 32,
    registered_ms=1_000,
)


def message_of(number: int, *, author: AccountId = ANN, stamp_ms: int | None = None, text: str = CANARY) -> Message:
    """A message of a conversation between Ann and Bea."""
    return Message(
        id=MessageId(number.to_bytes(6, "big") + b"\x70" + b"m" * 9),
        conversation=TALK,
        author=author,
        author_device=PHONE,
        recipients=frozenset({ANN, BEA} - {author}),
        text=text,
        attachment=None,
        urgency=Urgency.NORMAL,
        stamp=Stamp(number if stamp_ms is None else stamp_ms, 0),
        written_after=frozenset(),
        expires_ms=10**12,
    )


def copy_of(number: int, stage: Stage, *, sealed: bytes | None = None) -> KeepCopy:
    """A copy of that message for Bea's phone."""
    return KeepCopy(message_of(number).id, BEA, PHONE, Lane.NORMAL, stage, 1, number, None, sealed, None)


def outgoing_of(number: int) -> KeepOutgoing:
    """The promise to deliver that message."""
    return KeepOutgoing(
        message_of(number).id, Lane.NORMAL, b"letter", (BEA,), (), answered=True, accepted_wall_ms=5, expires_ms=10**12
    )


def golden_facts(*, version: int = 10) -> list[Fact]:
    """One fact of each kind that stays on disk. What a version wrote, later versions must read: never change these."""
    first, second = message_of(1), message_of(2, author=BEA)
    since_4 = [KeepNetwork(b"n" * 8, 55.0, 120.0, 2)] if version >= 4 else []
    root = b"R" * 32 if version >= 7 else b""
    since_5 = [KeepVerified(BEA, How.CODE, 15, LAPTOP, root), KeepChange("bea@example.org", BEA, ANN, 16, held=True)]
    since_6 = [KeepNote(NoteKind.FORMER_DEVICE, LAPTOP, BEA)]
    lease = KeepLease(17, 18, 19, Cause.ACCOUNT_NOT_REGISTERED, 2, gentle=True, asked_ms=20, renewed_ms=21)
    text = KeepText(
        1 << 62, first.id, BEA, "+4930123456", "sms", confirms=True, stage=AsideStage.SENT, trigger=Trigger.AWAY,
        attempt=1, parts=2, price="0.07 EUR", agreed_ms=15,
    )  # fmt: skip
    since_9: list[Fact] = [
        KeepFallback(BEA, "+4930123456", "sms", Choice.AFTER, 600.0, is_file_noted=True),
        KeepConsent(BEA, "+4930123456", "sms", "0.07 EUR", 1, "Ann", 14, 0),
        text,
        KeepTextStep(text.number, AsideStep(AsideStage.SENT, Evidence.CARRIER, 16, "queued")),
        KeepPrivate(first.id),
        KeepTextArrival(b"arrival", BEA, second.id, "sms", "abcdef", b"like", is_merged=True, arrived_wall_ms=17),
    ]
    head = Signed(b"head", b"signature")
    since_10 = [
        KeepLabel("bea@example.org", b"l" * 32),
        KeepLog(head, 17, 3, (b"f" * 32, b"g" * 32)),
        KeepEvidence(Cause.TRUST_LOG_SPLIT, BEA, head, None, 18),
    ]
    return [
        KeepMessage(first, 11),
        KeepMessage(second, 12),
        KeepDraft(MessageId(b"d" * 16), ("+4930123456",), (BEA,), CANARY, FILE, Urgency.URGENT, Stamp(3, 1), 60, 13),
        KeepOutgoing(first.id, Lane.NORMAL, b"letter", (BEA,), (PHONE,), answered=True,
                     accepted_wall_ms=5, expires_ms=10**12, addressed=True, blob=FILE.blob),
        KeepCopy(first.id, BEA, PHONE, Lane.NORMAL, Stage.ACCEPTED, 2, 7, EnvelopeId(b"e" * 16), b"sealed",
                 Cause.RECIPIENT_DEVICE_AWAY, b"boot", 14),
        KeepStep(first.id, None, Step(Stage.COMPOSED, Evidence.JOURNAL, 5)),
        KeepStep(first.id, PHONE, Step(Stage.ACCEPTED, Evidence.RELAY, 6, Cause.RECIPIENT_DEVICE_AWAY, 2)),
        KeepRatchet(PHONE, Lane.BULK, "session", "pickle", 8),
        KeepDeviceKeys("account pickle"),
        KeepSealSecret(b"s" * 8, b"secret", 9),
        KeepDeviceList(BEA, 4, Signed(b"list", b"signature")),
        KeepSealKey(PHONE, Signed(b"seal key", b"signature")),
        KeepContact("bea@example.org", BEA),
        KeepDeviceName(PHONE, "Bea's phone"),
        KeepStream(PHONE, Lane.URGENT, 3, 9, ((4, 5), (7, 7))),
        KeepSeen(EnvelopeId(b"v" * 16), 10),
        KeepCursor(Lane.CONTROL, 1 << 50),
        KeepRelay(b"store", b"boot", -1_500),
        KeepTransfer(first.author, first.id, FILE.blob, uploading=True, total_bytes=2_000, done_bytes=1_024,
                     finished=False),
        *since_4,
        *(since_5 if version >= 5 else ()),
        *(since_6 if version >= 6 else ()),
        *((lease,) if version >= 8 else ()),
        *(since_9 if version >= 9 else ()),
        *(since_10 if version >= 10 else ()),
    ]  # fmt: skip


def write_golden(folder: Path) -> None:
    """Write the journal that becomes a golden file; the log is folded in at closing."""
    journal = Journal.open(folder, key=KEY)
    journal.keep_identity(IDENTITY)
    journal.keep_setting("receipts", "on")
    journal.commit(golden_facts())
    journal.close()


# ---- anything at all -----------------------------------------------------------------------------------------------

_numbers = st.integers(-(1 << 63), (1 << 63) - 1)
_blobs = st.binary(max_size=40)
_messages = st.sampled_from([message_of(number).id for number in range(4)])
_devices = st.sampled_from([PHONE, LAPTOP])
_accounts = st.sampled_from([ANN, BEA])
_lanes = st.sampled_from(Lane)
_envelopes = st.sampled_from([EnvelopeId(bytes([number]) * 16) for number in range(4)])
_files = st.sampled_from([BlobId(b"f" * 16), BlobId(b"g" * 16)])
_stamps = st.builds(Stamp, _numbers, _numbers)
_keys = st.binary(min_size=32, max_size=32)
_sizes = st.integers(0, NATURAL_MAX)
_names = st.text(max_size=NAME_CHARACTERS_MAX)
_attachments = st.none() | st.builds(Attachment, _files, _keys, _sizes, _sizes, _keys, _names, _names)
_signed = st.builds(Signed, _blobs, _blobs)
_steps = st.builds(
    Step, st.sampled_from(Stage), st.sampled_from(Evidence), _numbers, st.sampled_from(Cause), st.integers(0, 99)
)
_people = st.lists(_accounts, max_size=3).map(tuple)
_kept_messages = st.builds(
    Message,
    id=_messages,
    conversation=st.just(TALK),
    author=_accounts,
    author_device=_devices | st.just(NO_DEVICE),
    recipients=st.frozensets(_accounts),
    text=st.text(),
    attachment=_attachments,
    urgency=st.sampled_from(Urgency),
    stamp=_stamps,
    written_after=st.frozensets(_messages),
    expires_ms=_numbers,
)
_small = st.integers(0, 1 << 40)
_carriers = st.sampled_from(["sms", "post"])
_aside_steps = st.builds(
    AsideStep, st.sampled_from(AsideStage), st.sampled_from(Evidence), _numbers, st.text(max_size=40)
)

FACTS: st.SearchStrategy[Fact] = st.one_of(
    st.builds(KeepMessage, _kept_messages, _small),
    st.builds(KeepPast, _kept_messages, _small, st.just(()), st.just(())),
    st.builds(
        KeepDraft, _messages, st.lists(st.text()).map(tuple), _people, st.text(), _attachments,
        st.sampled_from(Urgency), _stamps, _small, _numbers,
    ),
    st.builds(DropDraft, _messages),
    st.builds(
        KeepOutgoing, _messages, _lanes, _blobs, _people, st.lists(_devices).map(tuple), st.booleans(), _numbers,
        _numbers, st.booleans(), st.none() | _files,
    ),
    st.builds(DropOutgoing, _messages),
    st.builds(
        KeepCopy, _messages, _accounts, _devices, _lanes, st.sampled_from(Stage), _small, _small,
        st.none() | _envelopes, st.none() | _blobs, st.none() | st.sampled_from(Cause), _blobs, _numbers,
    ),
    st.builds(KeepStep, _messages, st.none() | _devices, _steps),
    st.builds(RaiseStage, _messages, _devices, _steps),
    st.builds(KeepRatchet, _devices, _lanes, st.sampled_from(["one", "two"]), st.text(), _numbers, st.booleans()),
    st.builds(
        KeepLease, _numbers, _numbers, _numbers, st.none() | st.sampled_from(Cause), st.integers(0, 3), st.booleans(),
        _numbers, _numbers,
    ),
    st.builds(DropRatchet, _devices, _lanes, st.sampled_from(["one", "two"])),
    st.builds(KeepDeviceKeys, st.text()),
    st.builds(KeepSealSecret, st.sampled_from([b"1", b"2"]), _blobs, _numbers),
    st.builds(DropSealSecret, st.sampled_from([b"1", b"2"])),
    st.builds(KeepDeviceList, _accounts, _small, _signed),
    st.builds(KeepOwnList, _small, _signed),
    st.builds(KeepSealKey, _devices, _signed),
    st.builds(
        KeepNetwork,
        st.binary(min_size=8, max_size=8),
        st.floats(1, 3600),
        st.floats(0, 3600),
        st.integers(0, 100),
    ),
    st.builds(KeepNote, st.sampled_from(NoteKind), st.sampled_from([b"", b"1"]), st.binary(max_size=3)),
    st.builds(KeepContact, st.sampled_from(["a@example.org", "+4930123456"]), _accounts),
    st.builds(KeepVerified, _accounts, st.sampled_from(How), _numbers, _devices, _blobs),
    st.builds(KeepChange, st.sampled_from(["a@example.org", "b@example.org"]), _accounts, _accounts, _numbers,
              st.booleans()),
    st.builds(DropChange, st.sampled_from(["a@example.org", "b@example.org"])),
    st.builds(KeepLabel, st.sampled_from(["a@example.org", "+4930123456"]), _keys),
    st.builds(KeepLog, _signed, _numbers, _small, st.lists(_keys, max_size=3).map(tuple)),
    st.builds(
        KeepEvidence, st.sampled_from(Cause), st.none() | _accounts, st.none() | _signed, st.none() | _signed, _numbers
    ),
    st.builds(KeepDeviceName, _devices, st.text()),
    st.builds(KeepStream, _devices, _lanes, _small, _small, st.lists(st.tuples(_small, _small), max_size=3).map(tuple)),
    st.builds(KeepSeen, _envelopes, _numbers, st.none() | _devices, st.none() | _messages, st.booleans()),
    st.builds(KeepCursor, _lanes, _numbers),
    st.builds(KeepRelay, _blobs, _blobs, _numbers, _small),
    st.builds(
        KeepFallback, _accounts, st.text(), _carriers, st.sampled_from(Choice), st.floats(0, 1e6), st.booleans()
    ),
    st.builds(
        KeepConsent, _accounts, st.text(), _carriers, st.text(), _small, st.text(), st.integers(1, 3), _small
    ),
    st.builds(
        KeepText, st.integers(1, 3), _messages, _accounts, st.text(), _carriers, st.booleans(),
        st.sampled_from(AsideStage), st.sampled_from(Trigger), _small, _small, st.text(), _small,
    ),
    st.builds(KeepTextStep, st.integers(1, 3), _aside_steps),
    st.builds(KeepPrivate, _messages),
    st.builds(
        KeepTextArrival, st.sampled_from([b"1", b"2"]), _accounts, _messages, _carriers, st.text(), _blobs,
        st.booleans(), _small,
    ),
    st.builds(DropTextMessage, _accounts, _messages),
    st.builds(KeepTransfer, _accounts, _messages, _files, st.booleans(), _small, _small, st.booleans()),
)  # fmt: skip

if __name__ == "__main__":
    write_golden(Path(sys.argv[1]))
