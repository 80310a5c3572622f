"""Keeps every sentence a person is shown about a message: what happened, what we do, what they can do.

Each is plain, kind and true wherever its cause can appear. Nothing here promises what the code does not do.
"""

from dataclasses import dataclass

from answerback.core.network.modes import Change, Mode, Why
from answerback.faces.handle_causes import HANDLE_CAUSES
from answerback.faces.handle_causes import Advice as Advice  # noqa: PLC0414 - known here to all that say causes
from answerback.faces.healing_sentences import HEALINGS
from answerback.faces.log_sentences import LOG_CAUSES
from answerback.model.causes import Cause, Owner
from answerback.model.timeline import Evidence, Stage

CAUSES: dict[Cause, Advice] = {
    **HANDLE_CAUSES,
    **HEALINGS,
    # ---- nothing is wrong
    Cause.QUEUE_BEHIND_OTHERS: Advice(
        "It waits its turn on this device.",
        "It leaves as soon as the connection has room; urgent messages go first.",
        "Nothing is needed. What cannot wait is sent with --urgent.",
    ),
    Cause.QUEUE_CONFIRMATION_DUE: Advice(
        "It has left, and the answer has not come back yet.",
        "We listen for the answer, and ask where the message is if it takes longer than it should.",
        "Nothing is needed.",
    ),
    Cause.QUEUE_UPLOADING: Advice(
        "Its file is still on the way to the relay.",
        "We send it piece by piece, and go on where we stopped after an interruption. The message follows its file.",
        "Stay connected if you can; a faster network helps.",
    ),
    Cause.QUEUE_FETCHING_KEYS: Advice(
        "We have asked the relay for the keys of the recipient's devices.",
        "As soon as they are here, the message is sealed for each device and leaves.",
        "Nothing is needed.",
    ),
    Cause.QUEUE_URGENT_SPENT: Advice(
        "So many messages were called urgent that this one goes as a normal one.",
        "It is sent like any other; one more may be urgent each minute.",
        "Nothing is needed. Keep --urgent for what cannot wait.",
    ),
    # ---- between this device and the relay
    Cause.NETWORK_NO_PATH: Advice(
        "This device has no way to the relay: it seems to be offline.",
        "We keep the message and try on: each second or two for a minute, then less; at once on any sign of life.",
        "Check Wi-Fi, cable or mobile data; flight mode switches all of them off.",
    ),
    Cause.NETWORK_RELAY_UNREACHABLE: Advice(
        "The relay does not answer. From here we cannot tell whether it is down or something is in between.",
        "We keep the message and try on: each second or two for a minute, then less; at once on any sign of life.",
        "See whether other sites open. If they do, try another network, or ask whoever runs the relay.",
    ),
    Cause.NETWORK_NAME_UNRESOLVED: Advice(
        "The name of the relay could not be looked up.",
        "We keep the message and try on: each second or two for a minute, then less; at once on any sign of life.",
        "Open any web page: some networks want a sign-in first. If pages open, check the relay's name.",
    ),
    Cause.NETWORK_CONNECTION_LOST: Advice(
        "The connection to the relay broke.",
        "We connect again, and send again what was not confirmed. Nobody is shown it twice.",
        "Nothing is needed. If it happens often, try another network.",
    ),
    Cause.NETWORK_STALLED: Advice(
        "There is a connection, but nothing comes through it.",
        "We give it up and open a new one; what was not confirmed is sent again, and nobody is shown it twice.",
        "In a lift, a tunnel or a crowd, wait for signal: the rest happens by itself.",
    ),
    Cause.NETWORK_CAPTIVE: Advice(
        "This network answers in the relay's place: it wants a sign-in, or a name and password for its proxy.",
        "We told it nothing, keep the message, and try again by ourselves.",
        "Open any web page and sign in there, or use another network. For a proxy, see `HTTPS_PROXY`.",
    ),
    Cause.NETWORK_CONNECTING: Advice(
        "The first connection to the relay is being made.",
        "As soon as it stands, what waits leaves, the most urgent first.",
        "Nothing is needed.",
    ),
    Cause.NETWORK_AGENT_STOPPED: Advice(
        "Answerback is not running on this device: nothing leaves it, and no answer is heard.",
        "Everything is kept on this device's disk. What the relay has already, it hands over without us.",
        "Start it with `answerback daemon`; `answerback inbox` connects for a moment.",
    ),
    Cause.TLS_UNTRUSTED: Advice(
        "What answered is not the relay this device knows: its certificate is a different one.",
        "We told it nothing, and try again: on another network the right one may answer.",
        "Look for a sign-in page or a filter on this network. If the relay has a new certificate, ask who runs it.",
    ),
    Cause.CLOCK_SKEWED: Advice(
        "This device's clock is wrong.",
        "We order conversations by the relay's clock, so they stay in order.",
        "Set date and time to automatic: a wrong clock can make safe connections fail.",
    ),
    Cause.DEVICE_RESTORED: Advice(
        "This is a copy of a device, such as a backup, and another state of it has spoken since.",
        "We make it a new device with fresh keys, so that no key is used twice; what is on it stays.",
        "If the other one is gone for good, remove it: see `answerback devices`. Restore messages, not devices.",
    ),
    Cause.DEVICE_RESTS: Advice(
        "This device keeps no connection now: you chose to be offline, or its system lets no program keep one.",
        "What you write is kept and leaves when it connects; what is for you waits at the relay.",
        "To be reached now, open Answerback, or choose `answerback mode auto`.",
    ),
    Cause.DEVICE_DISK_REFUSES: Advice(
        "This device's disk refuses to be written or read.",
        "Nothing leaves that is not on the disk; we try again every second, and go on by ourselves.",
        "Make room on the disk. If there is room, the disk or its permissions want a look.",
    ),
    # ---- the relay
    Cause.RELAY_BUSY: Advice(
        "The relay is busy and asks us to wait.",
        "We come back when it said, and keep the message until then.",
        "Nothing is needed.",
    ),
    Cause.RELAY_STOPPING: Advice(
        "The relay is being stopped or restarted.",
        "We connect again; what it had accepted is on its disk.",
        "Nothing is needed. If it stays away, ask whoever runs it.",
    ),
    Cause.RELAY_FAULTY: Advice(
        "The relay gave an answer that makes no sense to us.",
        "We keep the message and try again.",
        "If it goes on, tell whoever runs the relay.",
    ),
    Cause.RELAY_STORE_FULL: Advice(
        "The relay's disk is full.",
        "We keep the message here and offer it again when the relay said.",
        "Tell whoever runs the relay: it takes no messages until there is room.",
    ),
    Cause.RELAY_LOST_IT: Advice(
        "The relay no longer has what it had accepted.",
        "We still have it, and send it again.",
        "Nothing is needed for this message; whoever runs the relay should know.",
    ),
    Cause.RELAY_INCOMPATIBLE: Advice(
        "This program and the relay do not speak the same version.",
        "What is on this device is kept; nothing can leave until both speak the same.",
        "Update Answerback here, or ask whoever runs the relay to update it.",
    ),
    # ---- you and your account
    Cause.ACCOUNT_NOT_REGISTERED: Advice(
        "The relay does not know this device.",
        "What is on this device is kept; it can neither send nor receive.",
        "Ask whoever runs the relay whether it was set up anew. To begin again, register in another --home.",
    ),
    Cause.ACCOUNT_DEVICE_REVOKED: Advice(
        "This device was removed from your account.",
        "What is on it is kept; it can neither send nor receive.",
        "If that was not you, see `answerback devices` on another of yours. It can be linked anew, in another --home.",
    ),
    Cause.ACCOUNT_REGISTRATION_STALE: Advice(
        "This device has had no contact with the relay for long; what waits there for it begins to run out.",
        "It connects by itself as soon as it can, and that renews its registration.",
        "Bring it online before its registration ends: `answerback status` says when.",
    ),
    Cause.ACCOUNT_REGISTRATION_EXPIRED: Advice(
        "This device was out of contact for so long that the relay took no more mail for it.",
        "It is registered again, with fresh keys, as soon as it connects; who wrote meanwhile goes on trying.",
        "Nothing is needed once it is online. What has run out since is on your other devices, or with its author.",
    ),
    Cause.ACCOUNT_RENEWING: Advice(
        "This device's registration is being renewed.",
        "Fresh keys go to the relay; what is queued and what waits is kept.",
        "Nothing is needed.",
    ),
    Cause.ACCOUNT_INVITATION_NEEDED: Advice(
        "This relay lets in only people with an invitation that is still good.",
        "Nothing was changed.",
        "Ask whoever runs the relay for a link: `answerback invite` makes one.",
    ),
    Cause.ACCOUNT_CODE_WRONG: Advice(
        "That is not the code.",
        "Nothing was changed; the code you were sent is good for a few more tries.",
        "Look for the newest code. To get another one, give the same command without --code.",
    ),
    Cause.ACCOUNT_CODE_EXPIRED: Advice(
        "The code is too old, or was tried too often.",
        "Nothing was changed.",
        "Get a new code: give the same command again.",
    ),
    Cause.ACCOUNT_HANDLE_TAKEN: Advice(
        "This handle has an account already.",
        "Nothing was changed.",
        "If it is yours, link this device instead: `answerback link` on the device you have.",
    ),
    Cause.ACCOUNT_PHRASE_WRONG: Advice(
        "The relay knows no account of this handle with this recovery phrase.",
        "Nothing was changed.",
        "Check handle, relay and words. "
        "If the relay lost all: `answerback re-register` on a device, or `answerback register`.",
    ),
    Cause.ACCOUNT_PHRASE_VOID: Advice(
        "The account has a newer root key than this one: a device was removed since.",
        "Nothing was changed.",
        "Use the phrase that was written down after that. If that was not you, tell your contacts by another way.",
    ),
    Cause.ACCOUNT_RATE_LIMITED: Advice(
        "That was too much in a short time.",
        "The relay lets nobody hurry it: this keeps codes from being guessed and mailboxes from being flooded.",
        "Wait a while, an hour at most for codes, and try again.",
    ),
    # ---- the recipient
    Cause.RECIPIENT_HANDLE_UNKNOWN: Advice(
        "Nobody at this relay has this handle.",
        "The message stays on this device, and is not tried again.",
        "Check the spelling. If they are not here yet, invite them, then send it again.",
    ),
    Cause.RECIPIENT_NO_DEVICES: Advice(
        "The recipient has an account, but no device at the moment.",
        "We keep the message and send it once they have one.",
        "Reach them in another way: they have to register or link a device.",
    ),
    Cause.RECIPIENT_DEVICE_AWAY: Advice(
        "Their device is not connected. The relay keeps the message for it.",
        "The relay hands it over as soon as the device connects.",
        "Nothing is needed. If it cannot wait, reach them in another way.",
    ),
    Cause.RECIPIENT_DEVICE_GONE: Advice(
        "This device no longer belongs to the recipient.",
        "Nothing more is sent to it; the recipient's other devices get the message.",
        "Nothing is needed.",
    ),
    Cause.RECIPIENT_DEVICE_EXPIRED: Advice(
        "Their device has had no contact with the relay for months, so the relay keeps no more mail for it.",
        "We keep the message here and offer it again every hour or two: it leaves once the device is back.",
        "If they use another device, they have it there. Else reach them in another way.",
    ),
    Cause.RECIPIENT_DEVICE_SILENT: Advice(
        "Their device has not answered, although it had the time.",
        "We ask the relay where the message is, and send it again if that is needed.",
        "Nothing is needed yet. If it cannot wait, reach them in another way.",
    ),
    Cause.RECIPIENT_MAILBOX_FULL: Advice(
        "The mailbox of their device at the relay is full: it has been away for long.",
        "We keep the message and offer it again when the relay said.",
        "Ask them to open Answerback on that device, or to remove it from their account.",
    ),
    Cause.RECIPIENT_CANNOT_OPEN: Advice(
        "Their device received it and could not open it: the keys did not fit.",
        "Both devices make fresh keys by themselves; while tries are left, the message is sealed anew and sent again.",
        "Nothing is needed, unless it has failed: then send it again.",
    ),
    Cause.RECIPIENT_NO_KEYS: Advice(
        "The relay has no keys from their device that we could seal the message for.",
        "We ask again, and send it as soon as there are some.",
        "It mends itself when that device next connects.",
    ),
    Cause.TRUST_KEYS_CHANGED: Advice(
        "The keys are not the ones we know: somebody else may be in between, or there is a newer list of devices.",
        "We do not use them, and nothing was weakened to go on.",
        "Ask the other person, not by this way, whether they changed something. If not, be careful.",
    ),
    Cause.TRUST_ROOT_CHANGED: Advice(
        "The other person's account has a new root key, signed by the old one: a device of theirs was removed.",
        "The safety number is another now. If you had verified them, what you write to them waits until you agree.",
        "Compare safety numbers with them again, not by this way.",
    ),
    Cause.TRUST_DEVICE_REVOKED: Advice(
        "A device that its account has removed sent something, and the relay passed it on.",
        "We did not open it.",
        "Nothing is needed; a relay that passes such mail on is broken, or lies.",
    ),
    Cause.TRUST_SIGNATURE_WRONG: Advice(
        "Something came with a signature that is not right.",
        "We did not use it, and will not.",
        "If it happens again, ask the other person by another way whether all is well with their devices.",
    ),
    Cause.TRUST_CONTACT_CHANGED: Advice(
        "The safety number of this contact has changed: they set up a new account, or somebody else has their handle.",
        "What you write to them waits here until you agree; the conversation you have stays as it is.",
        "Ask them, not by this way. Then `answerback verify CONTACT` compares anew, and `--agree` lets messages go.",
    ),
    Cause.TRUST_DEVICE_ADDED: Advice(
        "Somebody you write to has added a device, signed with their own key.",
        "New messages to them are sealed for it too.",
        "Nothing is needed. If it surprises you, ask them.",
    ),
    Cause.TRUST_CODES_DIFFER: Advice(
        "The two codes were not the same: somebody may be in between, or it was misread.",
        "Nothing was marked as verified.",
        "Compare once more. If they differ again, do not trust this way: compare safety numbers face to face.",
    ),
    **{cause: Advice(*words) for cause, words in LOG_CAUSES.items()},
    # ---- the message itself
    Cause.MESSAGE_TOO_LARGE: Advice(
        "It is larger than this relay takes.",
        "It stays on this device, and is not tried again.",
        "Send a long text as a file, or a smaller file.",
    ),
    Cause.MESSAGE_EXPIRED: Advice(
        "Its time ran out before every device had answered.",
        "It is not tried any more.",
        "If it still matters, send it again; --ttl gives it more time.",
    ),
    Cause.MESSAGE_FILE_MISSING: Advice(
        "The file of this message is not where it should be.",
        "The device that sent it is asked to bring it again, if it still has it.",
        "If you sent it and it stays like this, send the file again.",
    ),
    # ---- beside the road
    Cause.FALLBACK_CONSENT_NEEDED: Advice(
        "Nobody has agreed yet to what an SMS means for this contact: it is not encrypted, and it costs.",
        "Nothing was sent by SMS. The encrypted message is still tried.",
        "Give `answerback consent MESSAGE yes` at a terminal: it shows what there is to agree to.",
    ),
    Cause.FALLBACK_IMPOSSIBLE: Advice(
        "This message does not go by SMS.",
        "Nothing was sent by SMS. The encrypted message is still tried.",
        "See what was chosen for this contact: `answerback fallback CONTACT`.",
    ),
    Cause.TEXT_FROM_STRANGER: Advice(
        "A carrier brought a text from a number that is no contact of yours.",
        "It is not shown: anybody can write any number there.",
        "Look at the carrier itself if you expect one.",
    ),
    Cause.TEXT_FLOOD: Advice(
        "More texts came under one contact's number than a person writes.",
        "The rest of this hour's are not kept.",
        "If you expect them, look at the carrier itself; if not, somebody may be writing under that number.",
    ),
    Cause.UNKNOWN: Advice(
        "We do not know why.",
        "We keep what is not answered, and keep trying.",
        "If it lasts, run the command with --debug, or ask whoever runs the relay.",
    ),
}

STAGES: dict[Stage, str] = {
    Stage.COMPOSED: "written",
    Stage.QUEUED: "kept here",
    Stage.SEALED: "sealed",
    Stage.SENT: "sent",
    Stage.ACCEPTED: "at the relay",
    Stage.DELIVERED: "delivered",
    Stage.READ: "read",
    Stage.FAILED: "failed",
    Stage.EXPIRED: "expired",
}
"""A word or two: how far it has come."""

EVIDENCE: dict[Evidence, str] = {
    Evidence.NONE: "nothing proves it yet",
    Evidence.JOURNAL: "it is on this device's disk",
    Evidence.RATCHET: "sealed for this device alone, and on our disk",
    Evidence.SOCKET: "this system's network took the bytes",
    Evidence.RELAY: "the relay says it is on its disk",
    Evidence.RECEIPT: "the device itself says so, in a sealed receipt",
    Evidence.CLOCK: "the time it was given has run out",
    Evidence.CARRIER: "the carrier says so; nothing proves it",
    Evidence.CARRIER_RECEIPT: "the carrier says that the phone has it; whether anybody saw it, nobody knows",
    Evidence.PERSON: "you said so",
    Evidence.REFUSAL: "it was refused",
    Evidence.REPAIR: "something was broken on its way, and was mended",
}
"""Why we believe a stage."""

OWNERS: dict[Owner, str] = {
    Owner.NOBODY: "nobody's: it is on its way",
    Owner.YOU: "yours to decide",
    Owner.YOUR_DEVICE: "this device's",
    Owner.YOUR_NETWORK: "the network you are on",
    Owner.RELAY: "the relay's",
    Owner.RECIPIENT: "the recipient's",
    Owner.RECIPIENT_DEVICE: "the recipient's device",
    Owner.UNKNOWN: "we cannot tell from here",
}
"""Whose problem it is."""

REASONS: dict[str, str] = {  # by the id of a `Reason` of the core: a `Wait` carries the id
    "nothing": "something has to happen elsewhere first",
    "turn": "when the relay has answered, or others before it have left",
    "connect.first": "when Answerback starts",
    "connect.cadence": "nothing tells us when it will work, so we try at a steady pace",
    "connect.evidence": "something makes success likely now",
    "connect.told": "the relay said when to come back",
    "attempt.limit": "an attempt to connect gets this long",
    "silence.probe": "if nothing is heard until then, we ask whether the relay is still there",
    "silence.limit": "if our question has no answer by then, we connect anew",
    "lease": "without contact this device's registration becomes stale, or ends",
    "comparison.over": "the time to compare codes is over then",
    "keepalive": "a sign of life keeps the connection open",
    "retry.told": "the relay said when to try again",
    "answer.due": "if there is no answer by then, we ask the relay where the message is",
    "gap.due": "a number is missing, and its sender is asked",
    "expiry": "its time ends then",
    "upkeep": "keys are looked after",
    "transfer": "the next piece of the file",
    "fallback.due": "when it may have waited as long as you chose before another way is thought of",
    "disk.again": "the disk refused, and is tried again",
}
"""Why the next attempt is then and not sooner."""

MODES: dict[Mode, str] = {
    Mode.LIVE: "live: everything comes at once",
    Mode.ECONOMICAL: "economical: messages come at once, large files when you ask for them",
    Mode.BACKGROUND: "background: messages come, and wake this device as seldom as can be",
    Mode.OFFLINE: "offline: what you write is kept, and leaves when there is a way again",
}
"""How eager this device is."""

WHYS: dict[Why, str] = {
    Why.NOTHING_SHORT: "Nothing is short.",
    Why.CHOSEN: "You chose it.",
    Why.BATTERY_LOW: "The battery is low.",
    Why.METERED: "Bytes are paid for on this network.",
    Why.LINK_POOR: "The connection is poor.",
    Why.NOT_LOOKED_AT: "Nobody looks, and this system holds back who is not looked at.",
    Why.NO_NETWORK: "There is no network.",
    Why.SIGN_IN_NEEDED: "This network wants a sign-in first.",
}
"""Why it is no more eager."""

MODE_CHANGES: dict[Change, str] = {
    Change.NOTHING: "",
    Change.CHOOSE_AGAIN: "when you choose another, or `answerback mode auto`",
    Change.CHARGE: "when the battery is charged",
    Change.FREE_NETWORK: "on a network that costs nothing; `answerback mode --metered no` says that this one is",
    Change.BETTER_LINK: "when the connection has been good for a while",
    Change.LOOK: "when somebody looks",
    Change.NETWORK_BACK: "when there is a network",
    Change.SIGN_IN: "when you have signed in: open any web page",
}
"""What would make it more eager; empty for nothing."""


@dataclass(frozen=True, slots=True)
class ModeWords:
    """A mode in words."""

    mode: str
    why: str
    change: str


def mode_words(mode: str, why: str | None, change: str | None) -> ModeWords:
    """Say a mode, why it is so and what would change it; words of a newer agent are shown as they are."""
    modes = {known.value: text for known, text in MODES.items()}
    whys = {known.value: text for known, text in WHYS.items()}
    changes = {known.value: text for known, text in MODE_CHANGES.items()}
    return ModeWords(modes.get(mode, mode), whys.get(why or "", why or ""), changes.get(change or "", change or ""))


def reason_words(reason: str) -> str:
    """Say why something is tried at that moment; a reason we do not know is shown as it is."""
    return REASONS.get(reason, reason)
