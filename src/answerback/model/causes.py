"""Why a message is not yet where it should be, and whose problem that is.

A cause is data, never free text: a dotted id by layer and an owner. The sentences people read are in
`faces/sentences.py`, one for each cause; a test checks that none is missing.
"""

from enum import Enum, unique


@unique
class Owner(Enum):
    """Whose problem a cause is."""

    NOBODY = "nobody"
    """Nothing is wrong: the message waits its turn."""
    YOU = "you"
    YOUR_DEVICE = "your device"
    YOUR_NETWORK = "your network"
    RELAY = "the relay"
    RECIPIENT = "the recipient"
    RECIPIENT_DEVICE = "the recipient's device"
    UNKNOWN = "unknown"


@unique
class Cause(Enum):
    """One reason for a delay, a refusal or a failure."""

    QUEUE_BEHIND_OTHERS = "queue.behind_others"
    QUEUE_CONFIRMATION_DUE = "queue.confirmation_due"
    QUEUE_UPLOADING = "queue.uploading"
    QUEUE_FETCHING_KEYS = "queue.fetching_keys"
    QUEUE_URGENT_SPENT = "queue.urgent_spent"
    NETWORK_NO_PATH = "network.no_path"
    NETWORK_RELAY_UNREACHABLE = "network.relay_unreachable"
    NETWORK_NAME_UNRESOLVED = "network.name_unresolved"
    NETWORK_CONNECTION_LOST = "network.connection_lost"
    NETWORK_STALLED = "network.stalled"
    NETWORK_CAPTIVE = "network.captive"
    NETWORK_CONNECTING = "network.connecting"
    NETWORK_AGENT_STOPPED = "network.agent_stopped"
    TLS_UNTRUSTED = "tls.untrusted"
    CLOCK_SKEWED = "clock.skewed"
    DEVICE_RESTORED = "device.restored"
    DEVICE_DISK_REFUSES = "device.disk_refuses"
    DEVICE_RESTS = "device.rests"
    RELAY_BUSY = "relay.busy"
    RELAY_STOPPING = "relay.stopping"
    RELAY_FAULTY = "relay.faulty"
    RELAY_STORE_FULL = "relay.store_full"
    RELAY_LOST_IT = "relay.lost_it"
    RELAY_INCOMPATIBLE = "relay.incompatible"
    ACCOUNT_NOT_REGISTERED = "account.not_registered"
    ACCOUNT_DEVICE_REVOKED = "account.device_revoked"
    ACCOUNT_DEVICE_ADDED = "account.device_added"
    ACCOUNT_REGISTRATION_STALE = "account.registration_stale"
    ACCOUNT_REGISTRATION_EXPIRED = "account.registration_expired"
    ACCOUNT_RENEWING = "account.renewing"
    ACCOUNT_INVITATION_NEEDED = "account.invitation_needed"
    ACCOUNT_CODE_WRONG = "account.code_wrong"
    ACCOUNT_CODE_EXPIRED = "account.code_expired"
    ACCOUNT_HANDLE_TAKEN = "account.handle_taken"
    ACCOUNT_PHRASE_WRONG = "account.phrase_wrong"
    ACCOUNT_PHRASE_VOID = "account.phrase_void"
    ACCOUNT_RATE_LIMITED = "account.rate_limited"
    ACCOUNT_HANDLES_FULL = "account.handles_full"
    ACCOUNT_HANDLE_LOCKED = "account.handle_locked"
    RECIPIENT_HANDLE_UNKNOWN = "recipient.handle_unknown"
    RECIPIENT_NO_DEVICES = "recipient.no_devices"
    RECIPIENT_DEVICE_AWAY = "recipient.device_away"
    RECIPIENT_DEVICE_GONE = "recipient.device_gone"
    RECIPIENT_DEVICE_EXPIRED = "recipient.device_expired"
    RECIPIENT_DEVICE_SILENT = "recipient.device_silent"
    RECIPIENT_MAILBOX_FULL = "recipient.mailbox_full"
    RECIPIENT_CANNOT_OPEN = "recipient.cannot_open"
    RECIPIENT_NO_KEYS = "recipient.no_keys"
    TRUST_KEYS_CHANGED = "trust.keys_changed"
    TRUST_SIGNATURE_WRONG = "trust.signature_wrong"
    TRUST_CONTACT_CHANGED = "trust.contact_changed"
    TRUST_DEVICE_ADDED = "trust.device_added"
    TRUST_CODES_DIFFER = "trust.codes_differ"
    TRUST_ROOT_CHANGED = "trust.root_changed"
    TRUST_DEVICE_REVOKED = "trust.device_revoked"
    TRUST_LOG_SPLIT = "trust.log_split"
    TRUST_LOG_ROLLED_BACK = "trust.log_rolled_back"
    TRUST_LOG_BROKEN = "trust.log_broken"
    TRUST_LIST_NOT_LOGGED = "trust.list_not_logged"
    TRUST_LIST_WITHHELD = "trust.list_withheld"
    TRUST_LIST_FORKED = "trust.list_forked"
    TRUST_HANDLE_NOT_LOGGED = "trust.handle_not_logged"
    TRUST_HANDLE_MOVED = "trust.handle_moved"
    MESSAGE_TOO_LARGE = "message.too_large"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_FILE_MISSING = "message.file_missing"
    FALLBACK_CONSENT_NEEDED = "fallback.consent_needed"
    FALLBACK_IMPOSSIBLE = "fallback.impossible"
    TEXT_FROM_STRANGER = "text.from_stranger"
    TEXT_FLOOD = "text.flood"
    HEALING_SESSION = "healing.session"
    HEALING_GAP = "healing.gap"
    HEALING_LOST_MAIL = "healing.lost_mail"
    HEALING_RECEIPT = "healing.receipt"
    HEALING_KEYS = "healing.keys"
    HEALING_DEVICE_LIST = "healing.device_list"
    HEALING_FILE = "healing.file"
    UNKNOWN = "unknown"

    @property
    def owner(self) -> Owner:
        """Whose problem this is."""
        return _OWNERS.get(self, _OWNER_BY_LAYER[self.layer])

    @property
    def layer(self) -> str:
        """The part of the road it belongs to, such as `network`."""
        return self.value.partition(".")[0]


_OWNER_BY_LAYER = {
    "queue": Owner.NOBODY,
    "network": Owner.YOUR_NETWORK,
    "tls": Owner.YOUR_NETWORK,
    "clock": Owner.YOUR_DEVICE,
    "device": Owner.YOUR_DEVICE,
    "relay": Owner.RELAY,
    "account": Owner.YOU,
    "recipient": Owner.RECIPIENT_DEVICE,
    "trust": Owner.RECIPIENT,
    "message": Owner.YOU,
    "fallback": Owner.YOU,
    "text": Owner.UNKNOWN,
    "healing": Owner.NOBODY,
    "unknown": Owner.UNKNOWN,
}
_OWNERS = {
    Cause.NETWORK_CONNECTING: Owner.NOBODY,
    Cause.NETWORK_AGENT_STOPPED: Owner.YOUR_DEVICE,
    Cause.NETWORK_RELAY_UNREACHABLE: Owner.UNKNOWN,
    # From one refused connection alone nobody can tell the network from the relay: honest is `unknown`.
    Cause.RECIPIENT_HANDLE_UNKNOWN: Owner.RECIPIENT,
    Cause.RECIPIENT_NO_DEVICES: Owner.RECIPIENT,
    Cause.ACCOUNT_HANDLE_TAKEN: Owner.YOU,
    Cause.ACCOUNT_RENEWING: Owner.NOBODY,
    Cause.TRUST_CONTACT_CHANGED: Owner.YOU,
    Cause.TRUST_DEVICE_ADDED: Owner.NOBODY,
    **dict.fromkeys(
        (
            Cause.TRUST_LOG_SPLIT,
            Cause.TRUST_LOG_ROLLED_BACK,
            Cause.TRUST_LOG_BROKEN,
            Cause.TRUST_LIST_NOT_LOGGED,
            Cause.TRUST_LIST_WITHHELD,
            Cause.TRUST_HANDLE_NOT_LOGGED,
        ),
        Owner.RELAY,
    ),
}


def cause_of(text: str) -> Cause:
    """Read a cause id from elsewhere; one we do not know becomes `unknown` instead of an error."""
    try:
        return Cause(text)
    except ValueError:
        return Cause.UNKNOWN
