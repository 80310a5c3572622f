"""A relay's log in memory: what the real one keeps in its database, and a fork of it for a relay that lies."""

from dataclasses import dataclass, field

from answerback.crypto import merkle
from answerback.crypto.primitives import sha256
from answerback.crypto.transparency import label_of, line_of, log_of, nonce_for, read_head, sign_head
from answerback.model.devices import DeviceList, Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId
from answerback.model.log import Entry, EpochEntry, HandleEntry, ListEntry, Placed, Proof
from answerback.wire.codec import decode, encode
from answerback.wire.log_frames import LINES_MAX, Disclose, Disclosed, Follow, Followed, Remind, Reminded

SEED = b"s" * 32


@dataclass
class Log:
    """Entries, their hashes, and a key that signs for them."""

    seed: bytes = SEED
    epoch: int = 0
    entries: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Line and entry."""
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    lists: dict[tuple[AccountId, int], int] = field(default_factory=dict)
    handles: dict[str, tuple[AccountId, int]] = field(default_factory=dict)
    admits: bool = True
    """Whether it says so when it has forgotten."""
    clock_ms: int = 0

    def append(self, entry: Entry) -> int:
        """Add an entry; where it stands."""
        place, body = len(self.entries), encode(entry)
        line = line_of(entry, body)
        self.entries.append((line, body))
        for level, at, whole in merkle.nodes_completed(place, merkle.leaf_hash(line), self._read):
            self.nodes[level, at] = whole
        return place

    def add_list(self, signed: Signed) -> None:
        """Write a device list down."""
        listed = decode(signed.body, DeviceList)
        entry = ListEntry(self._nonce, listed.account, listed.version, sha256(signed.body))
        self.lists[listed.account, listed.version] = self.append(entry)

    def add_handle(self, handle: str, account: AccountId) -> None:
        """Write down whose a handle is."""
        self.handles[handle] = account, self.append(HandleEntry(self._nonce, label_of(handle), account))

    def head(self) -> Signed:
        """The signed head of now."""
        size = len(self.entries)
        root = merkle.root(size, self._read)
        return sign_head(self.seed, epoch=self.epoch, size=size, root=root, made_ms=self.clock_ms)

    def path(self, first: int) -> list[bytes]:
        """Prove that this log follows from an earlier size."""
        size = len(self.entries)
        return merkle.consistency_path(first, size, self._read) if 0 < first <= size else []

    def proof(self, place: int | None, known_size: int) -> Proof:
        """Prove one entry."""
        placed = None
        if place is not None:
            path = merkle.inclusion_path(place, len(self.entries), self._read)
            placed = Placed(place, self.entries[place][1], path)
        return Proof(self.head(), self.path(known_size), placed)

    def of_list(self, account: AccountId, version: int, known_size: int) -> Proof:
        """Prove a list of an account."""
        return self.proof(self.lists.get((account, version)), known_size)

    def of_handle(self, handle: str, known_size: int) -> Proof:
        """Prove whose a handle is."""
        return self.proof(self.handles[handle][1] if handle in self.handles else None, known_size)

    def answer(self, frame: Follow | Disclose | Remind) -> Followed | Disclosed | Reminded:
        """Answer whoever reads it."""
        match frame:
            case Follow():
                lines = b"".join(line for line, _ in self.entries[frame.start : frame.start + LINES_MAX])
                first = merkle.frontier(frame.start, self._read) if frame.is_first else []
                return Followed(frame.request, frame.start, lines, self.head(), self.path(frame.known_size), first)
            case Disclose():
                return Disclosed(frame.request, [self.entries[place][1] for place in frame.places])
            case Remind():
                size = self._recall(frame.head)
                return Reminded(frame.request, self.head(), self.path(size), self.path(frame.known_size))

    def _recall(self, shown: Signed) -> int:
        try:
            head = read_head(shown, log=log_of(self.seed))
        except TrustError:
            return 0
        is_ours = head.size <= len(self.entries) and merkle.root(head.size, self._read) == head.root
        if self.admits and (head.epoch > self.epoch or (head.epoch == self.epoch and not is_ours)):
            self.epoch = head.epoch + 1
            self.append(EpochEntry(self._nonce, self.epoch, shown))
        return head.size if is_ours else 0

    @property
    def _nonce(self) -> bytes:
        return nonce_for(self.seed, len(self.entries))

    def _read(self, level: int, place: int) -> bytes:
        return self.nodes[level, place]
