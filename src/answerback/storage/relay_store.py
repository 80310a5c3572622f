"""Keeps the relay's promises in one SQLite file: a batch of commands is one durable transaction.

Theory. Mail is appended at the end of one table and found by an index in mailbox order. What decisions need (which ids
a mailbox holds, how far it is read) is known in memory, read from the disk when a mailbox is first touched. Taken rows
are struck out one batch later, many at once. If a commit fails, nothing of its batch was done, and what memory knew is
dropped: it might already believe what the disk does not.
"""

from collections.abc import Callable, Sequence
from typing import Final

from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.envelope import Delivery, Envelope
from answerback.model.errors import RefusedError
from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.model.message import LIFETIME_S, Lane
from answerback.model.registration import LEASE_S
from answerback.storage import relay_directory as directory
from answerback.storage import relay_log, relay_outset
from answerback.storage.database import Database, Value
from answerback.storage.relay_commands import (
    LANE_COUNT,
    AddKeys,
    Answer,
    Append,
    Appended,
    ClaimKey,
    Command,
    Denied,
    Done,
    Fate,
    FetchLists,
    FetchNewest,
    Leave,
    ListPut,
    Locate,
    LogCommand,
    Meet,
    Met,
    Open,
    Opened,
    Page,
    PutList,
    Read,
    ResolveHandle,
    Sweep,
    Take,
    Trace,
    Traced,
)
from answerback.storage.relay_directory import put_first_list
from answerback.storage.relay_index import ROW_BYTES, Mailbox, RecentlyTaken
from answerback.storage.relay_leases import Leases, withdraw_keys
from answerback.wire.codec import decode

__all__ = ["RelayStore", "put_first_list"]

STATEMENT_ROWS = 64
"""Rows in one INSERT: Python lets other threads run at every statement, and getting its turn back takes longer."""
STRIKE_MAX = 4_096
"""Taken rows struck out in one commit: keeps the longest commit short after somebody took a whole backlog."""
SWEEP_ROWS = 2_000
"""Index entries looked at for expiry in one sweep: a few milliseconds."""
RESERVE_BYTES = 64 * 1024 * 1024
"""Disk that new mail may not use, so that taking mail, which frees space, can still be written down."""
SEEN_MS = 3_600_000
"""A device that connects is written down as seen if that is older than this, in case the relay crashes."""
LOG_PAGES = 8_000
"""Pages in the write-ahead log before it is folded in: 32 MB, so that a busy relay folds seconds apart."""

_COLUMNS: Final = "(position, mailbox, lane, id, size_bytes, expires_s, sealed)"
_TAKEN: Final = "taken_control = ?, taken_urgent = ?, taken_normal = ?, taken_bulk = ?, taken_background = ?"
_LANES: Final = tuple(Lane)
LEAP_MAX = 1 << 24
"""Positions that a run leaps over by chance at its start, of a million a second: should this be an older copy of the
store, the positions it gives out are not those that devices have read in the time it has forgotten."""
HandleLookup = Callable[[Database, str], AccountId | None]


class RelayStore:
    """The relay's store on SQLite. One thread at a time calls it."""

    def __init__(
        self,
        db: Database,
        *,
        new_name: bytes,
        leap: int = 0,
        log_seed: bytes = b"",
        account_of_handle: HandleLookup = lambda _db, _handle: None,
        free_bytes: Callable[[], int] = lambda: RESERVE_BYTES,
        lease_s: int = LEASE_S,
    ) -> None:
        self.db: Final = db
        self._account_of_handle = account_of_handle
        self._free_bytes = free_bytes
        self._leases = Leases(lease_s)
        self._mailboxes: dict[DeviceId, Mailbox] = {}
        self._recent = RecentlyTaken()
        self._doomed: list[int] = []
        self._rows: list[Value] = []
        self._struck: list[int] = []
        self._moved: dict[int, Mailbox] = {}
        self._is_short = False
        self._sweep_from: tuple[int, int, int] = (0, 0, 0)
        db.row(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        self.name: Final = relay_outset.name(db, new_name)
        self.log_seed: Final = relay_log.begin(db, log_seed)
        """The key of the log; empty where none is kept."""
        self._position = relay_outset.last_position(db) + leap
        orphans = relay_outset.orphans(db)
        self._doomed += [position for position, _ in orphans]
        self.rows, self.size_bytes = relay_outset.totals(db)
        self.rows -= len(orphans)
        self.size_bytes -= sum(size_bytes + ROW_BYTES for _, size_bytes in orphans)

    # ---- the port --------------------------------------------------------------------------------------------------

    def apply(self, batch: Sequence[Command]) -> list[Answer]:
        """Carry out a batch and return when all of it is durable; after a StorageError none of it was done."""
        self._rows, self._struck, self._moved = [], [], {}
        rows, size_bytes = self.rows, self.size_bytes
        self._is_short = self._free_bytes() < RESERVE_BYTES
        strike = self._doomed[:STRIKE_MAX]
        is_durable = False
        try:
            with self.db.transaction():
                answers = [self._answer(command) for command in batch]
                self._write_rows()
                self._write_cursors()
                self._strike_out(strike)
            is_durable = True
        finally:
            if not is_durable:
                self._mailboxes.clear()
                self._rows = []
                self.rows, self.size_bytes = rows, size_bytes
        self._doomed[: len(strike)] = []
        self._doomed += self._struck
        return answers

    @property
    def idle(self) -> bool:
        """Whether nothing taken is left to strike out."""
        return not self._doomed

    def _answer(self, command: Command) -> Answer:
        match command:
            case Append():
                return self._append(command)
            case Take():
                return Done(self._take(command.device, command.taken))
            case Read():
                return self._read(command)
            case Meet():
                mailbox = self._mailbox(command.device)
                if mailbox is None:
                    return Denied(Cause.ACCOUNT_NOT_REGISTERED)
                if mailbox.revoked:
                    return Denied(Cause.ACCOUNT_DEVICE_REVOKED)
                return Met(mailbox.account, decode(mailbox.entry, Device))
            case Open():
                return self._open(command)
            case Leave():
                return self._leave(command)
            case Locate():
                return Traced([self._trace(device, identity) for device, identity in command.asked])
            case Sweep():
                return self._sweep(command.wall_ms)
            case _:
                return self._answer_directory(command)

    def _answer_directory(
        self, command: FetchLists | FetchNewest | PutList | AddKeys | ClaimKey | ResolveHandle | LogCommand
    ) -> Answer:
        match command:
            case FetchLists():
                return directory.lists_after(self.db, command.account, command.known_version, command.known_size)
            case FetchNewest():
                return directory.newest_list(self.db, command.account)
            case PutList():
                return self._put_list(command)
            case AddKeys():
                return self._add_keys(command)
            case ClaimKey():
                mailbox = self._mailbox(command.device)
                if mailbox is None or mailbox.revoked:
                    return Denied(Cause.RECIPIENT_DEVICE_GONE)
                return directory.claim_prekey(self.db, mailbox.number) or Denied(Cause.RECIPIENT_NO_KEYS)
            case ResolveHandle():
                account = self._account_of_handle(self.db, command.handle) or AccountId(b"")
                return relay_log.found(self.db, command, account)
            case _:
                return relay_log.answer(self.db, command)

    # ---- mail ------------------------------------------------------------------------------------------------------

    def _append(self, command: Append) -> Answer:
        if self._is_short:
            return Denied(Cause.RELAY_STORE_FULL)
        sender = self._mailbox(command.sender) if command.sender else None
        if sender is not None and sender.revoked:  # it said this while the list that removes it was being kept
            return Denied(Cause.ACCOUNT_DEVICE_REVOKED)
        if sender is not None and command.life > sender.life:
            sender.life = command.life
            self._moved[sender.number] = sender
        wall_us, wall_s = command.wall_ms * 1000, command.wall_ms // 1000
        return Appended([self._keep(envelope, wall_us, wall_s) for envelope in command.envelopes])

    def _keep(self, envelope: Envelope, wall_us: int, wall_s: int) -> Fate:
        mailbox = self._mailboxes.get(envelope.device) or self._mailbox(envelope.device)
        if mailbox is None:
            return Fate(0, Cause.RECIPIENT_DEVICE_GONE, 0, -1)
        if mailbox.revoked:
            return Fate(0, Cause.RECIPIENT_DEVICE_GONE, mailbox.list_version, mailbox.seen_ms)
        identity = envelope.id
        expires_s = wall_s + min(envelope.lifetime_s, LIFETIME_S)
        if self._holds(mailbox, envelope, wall_s, expires_s) or self._recent.has(identity, mailbox.number):
            return Fate(0, None, mailbox.list_version, mailbox.seen_ms)
        if mailbox.lapsed_ms:
            return Fate(0, Cause.RECIPIENT_DEVICE_EXPIRED, mailbox.list_version, mailbox.seen_ms)
        if mailbox.is_full:
            return Fate(0, Cause.RECIPIENT_MAILBOX_FULL, mailbox.list_version, mailbox.seen_ms)
        position = self._position = max(self._position + 1, wall_us)
        size_bytes = len(envelope.sealed)
        mailbox.touched = True
        mailbox.hold(position, envelope.lane, identity, size_bytes)
        self._rows += (position, mailbox.number, envelope.lane, identity, size_bytes, expires_s, envelope.sealed)
        self.rows += 1
        self.size_bytes += size_bytes + ROW_BYTES
        return Fate(position, None, mailbox.list_version, mailbox.seen_ms)

    def _holds(self, mailbox: Mailbox, envelope: Envelope, wall_s: int, expires_s: int) -> bool:
        """Whether it is here and not over; it is then kept as long as this sender is promised, too."""
        position = mailbox.held.get(envelope.id)
        if position is None:
            return False
        self._write_rows()
        prolong = "UPDATE envelope SET expires_s = max(expires_s, ?) WHERE position = ? AND expires_s > ?"
        if self.db.run(prolong, (expires_s, position, wall_s)):
            return True
        size_bytes = len(envelope.sealed)  # its time is over, and no sweep has come by yet
        mailbox.expire(position, envelope.id, size_bytes)
        self._struck.append(position)
        self.rows -= 1
        self.size_bytes -= size_bytes + ROW_BYTES
        return False

    def _take(self, device: DeviceId, taken: Sequence[int]) -> int:
        mailbox = self._mailbox(device)
        if mailbox is None or mailbox.revoked:
            return 0
        count, before_bytes = 0, mailbox.size_bytes
        for lane, position in enumerate(taken):
            if position <= mailbox.taken[lane]:
                continue
            self._moved[mailbox.number] = mailbox
            for there, identity in mailbox.take(lane, min(position, self._position)):
                self._recent.add(identity, mailbox.number)
                self._struck.append(there)
                count += 1
        self.rows -= count
        self.size_bytes -= before_bytes - mailbox.size_bytes
        return count

    def _read(self, command: Read) -> Answer:
        mailbox = self._mailbox(command.device)
        if mailbox is None or mailbox.revoked:
            return Denied(Cause.ACCOUNT_DEVICE_REVOKED)
        self._write_rows()
        entries: list[Delivery] = []
        room_bytes, room_rows, wall_s = command.bytes_max, command.rows_max, command.wall_ms // 1000
        left: list[int] = []
        for lane in command.lanes:
            if lane not in mailbox.queues:
                continue
            if room_bytes <= 0 or room_rows <= 0:
                left.append(lane)
                continue
            after, typical = command.after[lane], mailbox.size_bytes // max(len(mailbox.held), 1) + 1
            asked = min(room_rows, room_bytes // typical + 1)
            rows = self.db.rows(
                "SELECT position, id, sealed, expires_s FROM envelope WHERE mailbox = ? AND lane = ? AND position > ?"
                " ORDER BY position LIMIT ?",
                (mailbox.number, lane, max(after, mailbox.taken[lane]), asked),
            )
            room_rows -= len(rows)
            for index, (position, identity, sealed, expires_s) in enumerate(rows):
                if expires_s > wall_s:
                    entries.append(Delivery(position, _LANES[lane], identity, sealed))
                    room_bytes -= len(sealed)
                if room_bytes <= 0 and index < len(rows) - 1:
                    left.append(lane)
                    break
            else:
                if len(rows) == asked:
                    left.append(lane)
        return Page(entries, tuple(left))

    def _trace(self, device: DeviceId, identity: EnvelopeId) -> Trace:
        mailbox = self._mailbox(device)
        if mailbox is None or mailbox.revoked:
            return Trace(held=False, taken=False, seen_ms=-1)
        taken = self._recent.has(identity, mailbox.number)
        return Trace(held=identity in mailbox.held, taken=taken, seen_ms=mailbox.seen_ms)

    # ---- devices ---------------------------------------------------------------------------------------------------

    def _open(self, command: Open) -> Answer:
        mailbox = self._mailbox(command.device)
        if mailbox is None or mailbox.revoked:
            return Denied(Cause.ACCOUNT_DEVICE_REVOKED)
        self._take(command.device, [mailbox.believed(lane, position) for lane, position in enumerate(command.taken)])
        mailbox.is_open = True
        life, lapsed_ms, mailbox.lapsed_ms = mailbox.life, mailbox.lapsed_ms, 0
        if command.life > life or command.wall_ms - mailbox.seen_ms > SEEN_MS or lapsed_ms:
            mailbox.seen_ms, mailbox.life = command.wall_ms, max(life, command.life)
            self._moved[mailbox.number] = mailbox
        return Opened(
            len(mailbox.held),
            mailbox.head,
            mailbox.cursors,
            mailbox.list_version,
            directory.prekeys_left(self.db, mailbox.number),
            directory.seal_id(self.db, mailbox.number),
            life,
            lapsed_ms,
        )

    def _leave(self, command: Leave) -> Answer:
        mailbox = self._mailbox(command.device)
        if mailbox is not None:
            mailbox.is_open = False
            mailbox.seen_ms = command.wall_ms
            self._moved[mailbox.number] = mailbox
        return Done()

    def _put_list(self, command: PutList) -> Answer:
        newest = directory.newest_list(self.db, command.devices.account)
        if newest.version != command.devices.version - 1:
            return Denied(Cause.TRUST_KEYS_CHANGED, newest.version)  # somebody else was quicker
        try:
            revoked = directory.put_list(self.db, command.signed, command.devices)
        except RefusedError as refused:  # raised before anything was written
            return Denied(refused.cause, newest.version)
        for device in {device.id for device in command.devices.devices} | set(revoked):
            mailbox = self._mailboxes.get(device)
            if mailbox is not None:
                mailbox.list_version = command.devices.version
                mailbox.revoked = False
        for device in revoked:
            self._drop_mail(device)
        return ListPut(command.devices.version, revoked)

    def _drop_mail(self, device: DeviceId) -> None:
        self._write_rows()
        if (mailbox := self._mailbox(device)) is None:
            return
        mailbox.revoked = True
        self.rows -= len(mailbox.held)
        self.size_bytes -= mailbox.size_bytes
        self._struck += mailbox.clear()
        mailbox.taken = [self._position] * LANE_COUNT  # even if it is listed again, it begins with an empty mailbox
        self._moved[mailbox.number] = mailbox

    def _add_keys(self, command: AddKeys) -> Answer:
        mailbox = self._mailbox(command.device)
        if mailbox is None or mailbox.revoked:
            return Denied(Cause.ACCOUNT_DEVICE_REVOKED)
        if command.anew:
            directory.void_prekeys(self.db, mailbox.number, but=command.prekeys)
        directory.add_prekeys(self.db, mailbox.number, command.prekeys)
        if command.fallback is not None:
            directory.put_fallback(self.db, mailbox.number, command.fallback)
        if command.seal_key is not None:
            directory.put_seal_key(self.db, mailbox.number, command.seal_key, command.seal_id)
        return Done(directory.prekeys_left(self.db, mailbox.number))

    # ---- memory and disk -------------------------------------------------------------------------------------------

    def _mailbox(self, device: DeviceId) -> Mailbox | None:
        mailbox = self._mailboxes.get(device)
        if mailbox is None:
            mailbox = relay_outset.mailbox(self.db, device)
            if mailbox is not None:
                self._mailboxes[device] = mailbox
        else:
            mailbox.touched = True
        return mailbox

    def _write_rows(self) -> None:
        if not self._rows:
            return
        step = STATEMENT_ROWS * 7
        for start in range(0, len(self._rows), step):
            values = self._rows[start : start + step]
            places = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * (len(values) // 7))
            self.db.run(f"INSERT INTO envelope {_COLUMNS} VALUES {places}", values)  # noqa: S608 - constants only
        self._rows = []

    def _write_cursors(self) -> None:
        if self._moved:
            self.db.run_many(
                f"UPDATE mailbox SET seen_ms = ?, life = ?, lapsed_ms = ?, {_TAKEN} WHERE number = ?",  # noqa: S608 - constants only
                [
                    (mailbox.seen_ms, mailbox.life, mailbox.lapsed_ms, *mailbox.taken, mailbox.number)
                    for mailbox in self._moved.values()
                ],
            )

    def _strike_out(self, positions: list[int]) -> None:
        positions = sorted(positions)
        for start in range(0, len(positions), STATEMENT_ROWS * 4):
            some = positions[start : start + STATEMENT_ROWS * 4]
            self.db.run(f"DELETE FROM envelope WHERE position IN ({', '.join('?' * len(some))})", some)  # noqa: S608

    def _sweep(self, wall_ms: int) -> Answer:
        self._write_rows()
        self._lapse(wall_ms)
        for device, mailbox in list(self._mailboxes.items()):
            if not (mailbox.touched or mailbox.is_open or mailbox.number in self._moved):
                del self._mailboxes[device]
            mailbox.touched = False
        by_number = {mailbox.number: mailbox for mailbox in self._mailboxes.values()}
        rows = self.db.rows(
            "SELECT mailbox, lane, position, id, size_bytes, expires_s FROM envelope"
            " WHERE (mailbox, lane, position) > (?, ?, ?) ORDER BY mailbox, lane, position LIMIT ?",
            (*self._sweep_from, SWEEP_ROWS),
        )
        doomed = set(self._doomed) | set(self._struck)
        expired = [row for row in rows if row[5] <= wall_ms // 1000 and row[2] not in doomed]
        for number, _, position, identity, size_bytes, _ in expired:
            self._struck.append(position)
            self.rows -= 1
            self.size_bytes -= size_bytes + ROW_BYTES
            if number in by_number:
                by_number[number].expire(position, identity, size_bytes)
        self._sweep_from = rows[-1][:3] if len(rows) == SWEEP_ROWS else (0, 0, 0)
        return Done(len(expired))

    def _lapse(self, wall_ms: int) -> None:
        """Write down who is here, and let those lapse that have been away for the whole of their lease."""
        here = [box for box in self._mailboxes.values() if box.is_open and wall_ms - box.seen_ms > SEEN_MS]
        for mailbox in here:
            mailbox.seen_ms, self._moved[mailbox.number] = wall_ms, mailbox
        for device in self._leases.overdue(self.db, wall_ms=wall_ms):
            if (overdue := self._mailbox(device)) is not None and not overdue.is_open:
                overdue.lapsed_ms, self._moved[overdue.number] = wall_ms, overdue
                withdraw_keys(self.db, overdue.number)
