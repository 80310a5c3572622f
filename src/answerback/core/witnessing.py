"""Holds the relay to its log: every answer is proven, heads are compared, lines are read, and what is wrong is named.

Theory. Nothing is used that the log does not say, once this relay has shown a log. What does not follow from what it
has signed is put to the relay first (`Remind`): one that was restored from a backup says so, and the person is told
that it forgot; any other answer is a lie, and both signed heads are kept. The question that led there is asked again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save, Tell, Transmit, Warned
from answerback.core.log_facts import KeepEvidence, KeepLabel
from answerback.core.machines import Machines
from answerback.core.questions import WantEntries, WantLines, WantReminded
from answerback.core.transparency import Verdict, hash_of, key_of, leads, stands
from answerback.crypto.identity import read_device_list
from answerback.crypto.transparency import is_list, label_of, read_entry, read_head
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId
from answerback.model.log import TOPIC_BYTES, HandleEntry, ListEntry, Proof, TreeHead
from answerback.wire.frames import ClientFrame, Listed, Resolved
from answerback.wire.log_frames import DISCLOSED_MAX, Disclose, Disclosed, Follow, Followed, Remind, Reminded

LOOK_S = 6 * 3600.0
"""A device that asks the relay nothing still reads the log so often: what was done in its owner's name shows there."""
TOLD_MAX = 1_024
"""Things said of the relay that are not said again in this run."""


UNUSABLE = frozenset({Verdict.BEHIND, Verdict.CONTRADICTS, Verdict.FORGED})


@dataclass(slots=True)
class Witnessing:
    """The composer of everything about the relay's log."""

    machines: Machines
    departure: Departure
    _looked_s: float | None = None
    _accounts: set[AccountId] = field(default_factory=set)
    """Asked for again once the relay has answered for its log."""
    _handles: set[str] = field(default_factory=set)
    _lines_of: tuple[bytes, int] | None = None
    """Of which log, and in which epoch, lines were asked for."""
    _doubted_of: tuple[bytes, int] | None = None
    """The same, where an entry did not fit its line once."""
    _told: set[tuple[object, ...]] = field(default_factory=set)

    # ---- answers

    def may_use_lists(self, frame: Listed, *, now: Moment) -> tuple[bool, list[Effect]]:
        """Say whether an account's lists are proven, and what follows if they are not."""
        log = self.machines.transparency
        if frame.proof is None and log.head is None:
            return True, []  # a relay that is older than this
        newest = frame.lists[-1] if frame.lists else self.machines.roster.list_of(frame.account)
        if frame.proof is None:
            said = self._accuse(Cause.TRUST_LIST_NOT_LOGGED, frame.account, None, now=now)
            return newest is None, said if newest is not None else []
        head, effects = self._accept(frame.proof, now=now)
        if head is None:
            self._accounts.add(frame.account)
            return False, effects
        if newest is None:
            return True, [*effects, *self.follow()]  # nobody's, says the relay: that cannot be proven, only seen to end
        effects += self.follow()
        cause = self._list_trouble(frame, newest, frame.proof, head)
        if cause is not None:
            effects += self._accuse(cause, frame.account, frame.proof.head, now=now)
        return cause in (None, Cause.TRUST_LIST_WITHHELD), effects

    def may_use_account(self, frame: Resolved, *, now: Moment) -> tuple[bool, list[Effect]]:
        """Say whether it is proven whose a handle is."""
        log = self.machines.transparency
        if frame.proof is None and log.head is None:
            return True, []
        if frame.proof is None:
            said = self._accuse(Cause.TRUST_HANDLE_NOT_LOGGED, None, None, now=now)
            return not frame.account, said if frame.account else []
        head, effects = self._accept(frame.proof, now=now)
        if head is None:
            self._handles.add(frame.handle)
            return False, effects
        effects += self.follow()
        if not frame.account:
            return True, effects
        label = label_of(frame.handle)
        if log.labels.get(frame.handle) != label:
            log.labels[frame.handle] = label
            effects.append(Save(KeepLabel(frame.handle, label)))
        try:
            entry = stands(frame.proof.placed, head) if frame.proof.placed is not None else None
        except TrustError:
            entry = None
        if isinstance(entry, HandleEntry) and (entry.label, entry.account) == (label, frame.account):
            return True, effects
        effects += self._accuse(Cause.TRUST_HANDLE_NOT_LOGGED, frame.account, frame.proof.head, now=now)
        return False, effects

    def is_asked_again(self, handle: str) -> bool:
        """Whether the relay has to answer for its log first, and is then asked once more whose this handle is."""
        return handle in self._handles

    def withheld(self, account: AccountId, version: int, *, now: Moment) -> list[Effect]:
        """Somebody named this version of an account's list, and the relay has shown none so new."""
        log = self.machines.transparency
        if log.signed is None:
            return []
        return self._accuse(Cause.TRUST_LIST_WITHHELD, account, log.signed, version, now=now)

    def moved(self, handle: str, account: AccountId, *, now: Moment) -> list[Effect]:
        """A handle of ours stands for another account, or for nobody, and the relay has told us nothing of that."""
        return self._accuse(
            Cause.TRUST_HANDLE_MOVED, account or None, self.machines.transparency.signed, handle, now=now
        )

    def _list_trouble(self, frame: Listed, newest: Signed, proof: Proof, head: TreeHead) -> Cause | None:
        try:
            version = read_device_list(frame.account, newest).version
        except TrustError:
            return None  # not signed by its account: that is said where lists are read
        try:
            entry = stands(proof.placed, head) if proof.placed is not None else None
        except TrustError:
            entry = None
        if proof.placed is None and not frame.lists:
            return Cause.TRUST_LIST_WITHHELD  # it says that there is no list at all, and this device has one
        if not isinstance(entry, ListEntry) or entry.account != frame.account:
            return Cause.TRUST_LIST_NOT_LOGGED
        if is_list(entry, frame.account, newest, version):
            return None
        if frame.lists:
            return Cause.TRUST_LIST_NOT_LOGGED
        if entry.version == version:
            return Cause.TRUST_LIST_FORKED
        # An older one: the relay has forgotten lists, and says so elsewhere; this device still has them.
        return Cause.TRUST_LIST_WITHHELD if entry.version > version else None

    # ---- heads

    def heard(self, head: Signed | None, account: AccountId) -> list[Effect]:
        """Another device names the newest head it was given."""
        log = self.machines.transparency
        if head is None or not log.hear(head):
            return []
        question = WantReminded(head, account)
        return self._ask(question, Remind(self.machines.questions.number(), head, log.known_size))

    def reminded(self, frame: Reminded, *, now: Moment) -> list[Effect]:
        """The relay has answered for a head it once signed."""
        machines, log = self.machines, self.machines.transparency
        question = machines.questions.answered(frame.request)
        if not isinstance(question, WantReminded):
            return []
        before = log.signed
        effects = self._take_in(frame.head, frame.consistency, is_last_word=True, now=now)
        try:
            theirs, head = read_head(question.head), read_head(frame.head)
        except TrustError:
            return effects
        is_proven = theirs.log == head.log and leads(theirs, head, frame.reminded)
        log.compared(question.head, is_proven=is_proven)
        if not is_proven and question.head != before:
            effects += self._unproven(question, theirs, head, frame.head, now=now)
        return [*effects, *self._again(), *self.follow()]

    def _unproven(
        self, question: WantReminded, theirs: TreeHead, head: TreeHead, shown: Signed, *, now: Moment
    ) -> list[Effect]:
        has_forgotten = theirs.log == head.log and head.epoch > theirs.epoch
        cause = Cause.TRUST_LOG_ROLLED_BACK if has_forgotten else Cause.TRUST_LOG_SPLIT
        once = (theirs.log, theirs.epoch) if has_forgotten else (theirs.log, theirs.root, head.root)
        return self._accuse(cause, question.account, shown, *once, theirs=question.head, now=now)

    def _accept(self, proof: Proof, *, now: Moment) -> tuple[TreeHead | None, list[Effect]]:
        """Take a proof's head in; none if it does not follow and the relay has to answer for that first."""
        asked_size = self.machines.questions.asked_size
        verdict, head = self.machines.transparency.judge(proof.head, proof.consistency, asked_size=asked_size)
        effects = self._take_in(proof.head, proof.consistency, is_last_word=False, now=now)
        return (None if verdict in UNUSABLE else head), effects

    def _take_in(self, signed: Signed, path: Sequence[bytes], *, is_last_word: bool, now: Moment) -> list[Effect]:
        log = self.machines.transparency
        known = log.signed
        verdict, head = log.judge(signed, path, asked_size=self.machines.questions.asked_size)
        match verdict:
            case Verdict.FIRST | Verdict.FOLLOWS if head is not None:
                is_news = log.head != head
                kept = log.adopt(signed, head, is_new=verdict is Verdict.FIRST)
                return [Save(kept)] if is_news else []
            case Verdict.FORGOT | Verdict.ANOTHER if head is not None and known is not None:
                before = read_head(known)
                kept = log.adopt(signed, head, is_new=True)
                once = before.log, before.epoch
                said = self._accuse(Cause.TRUST_LOG_ROLLED_BACK, None, known, *once, theirs=signed, now=now)
                return [Save(kept), *said]
            case Verdict.LATE:
                return self.heard(signed, self.machines.own.account)  # it must go with the newer one as well
            case Verdict.FORGED:
                return [Tell(Warned(Cause.TRUST_SIGNATURE_WRONG))]
            case _ if known is None:
                return []
            case _ if not is_last_word:
                question = WantReminded(known, None)
                return self._ask(question, Remind(self.machines.questions.number(), known, log.known_size))
            case _:
                is_behind = verdict is Verdict.BEHIND
                cause = Cause.TRUST_LOG_ROLLED_BACK if is_behind else Cause.TRUST_LOG_SPLIT
                return self._accuse(cause, None, known, *(key_of(head) if head else ()), theirs=signed, now=now)

    def _again(self) -> list[Effect]:
        """Ask once more what was answered with a head that did not follow."""
        accounts, self._accounts = sorted(self._accounts), set()
        handles, self._handles = sorted(self._handles), set()
        effects = [effect for account in accounts for effect in self.departure.want_list(account)]
        return [*effects, *(effect for handle in handles for effect in self.departure.want_account(handle))]

    # ---- lines

    def look(self, *, now: Moment) -> list[Effect]:
        """Read the log now and then, and first of all in each run."""
        log = self.machines.transparency
        if log.head is None or (self._looked_s is not None and now.now_s - self._looked_s < LOOK_S):
            return []
        self._looked_s = now.now_s
        start, is_first = log.next_start() or (log.read_size, False)
        return self._ask_lines(start, is_first=is_first)

    def follow(self) -> list[Effect]:
        """Read the lines up to the newest head, unless that is being done."""
        log = self.machines.transparency
        following = log.next_start()
        if following is None or (log.reading is not None and log.reading.found):
            return []
        start, is_first = following
        return self._ask_lines(start, is_first=is_first)

    def followed(self, frame: Followed, *, now: Moment) -> list[Effect]:
        """Lines have come."""
        log = self.machines.transparency
        if not isinstance(self.machines.questions.answered(frame.request), WantLines):
            return []
        head, effects = self._accept(Proof(frame.head, frame.consistency, None), now=now)
        if head is None or (head.log, head.epoch) != self._lines_of:
            return effects  # lines of a log that the relay has forgotten since: they are asked for again
        try:
            is_whole = log.read(frame, head, topics=self._topics())
        except TrustError:
            log.read_anew()
            return [*effects, *self._accuse(Cause.TRUST_LOG_BROKEN, None, frame.head, now=now)]
        return [*effects, *(self._look_at_lines(now=now) if is_whole else self.follow())]

    def disclosed(self, frame: Disclosed, *, now: Moment) -> list[Effect]:
        """Entries that may concern us have come."""
        log = self.machines.transparency
        question = self.machines.questions.answered(frame.request)
        reading = log.reading
        if not isinstance(question, WantEntries) or reading is None:
            return []
        effects: list[Effect] = []
        bodies = dict(zip(question.places, frame.entries, strict=False))
        for place, line in [found for found in reading.found if found[0] in bodies]:
            reading.found.remove((place, line))
            try:
                entry = read_entry(bodies[place], line=line)
            except TrustError:
                if self._doubted_of != self._lines_of:
                    # An answer does not say of which log it is. The relay may have forgotten some of it since the lines
                    # were read: read them again, and what does not fit them then is no mistake.
                    self._doubted_of = self._lines_of
                    log.read_anew()
                    return [*effects, *self.follow()]
                effects += self._accuse(Cause.TRUST_LOG_BROKEN, None, log.signed, place, now=now)
                continue
            if isinstance(entry, ListEntry):
                effects += self._list_seen(entry, now=now)
            elif isinstance(entry, HandleEntry):
                effects += self._handle_seen(entry, now=now)
        return [*effects, *self._look_at_lines(now=now)]

    def _look_at_lines(self, *, now: Moment) -> list[Effect]:
        log = self.machines.transparency
        if log.reading is not None and log.reading.found:
            places = tuple(place for place, _ in log.reading.found[:DISCLOSED_MAX])
            return self._ask(WantEntries(places), Disclose(self.machines.questions.number(), list(places)))
        kept = log.looked()
        if kept is None:
            return self.follow()
        taken = self.departure.book.lines_read()
        told = [effect for handle, account in taken for effect in self.moved(handle, account, now=now)]
        return [Save(kept), *told, *self.follow()]

    def _list_seen(self, entry: ListEntry, *, now: Moment) -> list[Effect]:
        """The log says that an account has this list."""
        machines = self.machines
        roster = machines.roster
        known = roster.list_of(entry.account)
        own = machines.registration.lists.get(entry.version) if entry.account == machines.own.account else None
        if own is None and entry.version == roster.version(entry.account):
            own = known
        if own is not None and hash_of(own) != entry.sha256:
            return self._accuse(Cause.TRUST_LIST_FORKED, entry.account, machines.transparency.signed, now=now)
        if known is None or entry.version <= roster.version(entry.account):
            return []
        return self.departure.list_named(entry.account, entry.version)

    def _handle_seen(self, entry: HandleEntry, *, now: Moment) -> list[Effect]:
        """The log says that a handle stands for this account from now on."""
        book, own = self.departure.book, self.machines.own
        for handle in book.own(own.handle):
            if entry.label != label_of(handle):
                continue
            if entry.account == own.account:
                book.stands_as_ours(handle)
                return []
            return self.moved(handle, entry.account, now=now) if book.stands_otherwise(handle, entry.account) else []
        labels = self.machines.transparency.labels
        for handle in [handle for handle, label in labels.items() if label == entry.label]:
            change = self.machines.trust.change(handle)
            is_taken_back = change is not None and change.after != entry.account
            if is_taken_back or self.departure.contacts.get(handle, entry.account) != entry.account:
                return self.departure.want_account(handle)  # and what it answers is compared with what we know
        return []

    def _topics(self) -> frozenset[bytes]:
        machines = self.machines
        names: list[bytes] = [machines.own.account, *machines.roster.accounts]
        names += machines.transparency.labels.values()
        names += [label_of(handle) for handle in self.departure.book.own(machines.own.handle)]
        return frozenset(name[:TOPIC_BYTES] for name in names)

    # ---- private

    def _ask_lines(self, start: int, *, is_first: bool) -> list[Effect]:
        if WantLines() in self.machines.questions:
            return []
        frame = Follow(
            self.machines.questions.number(), start, self.machines.transparency.known_size, is_first=is_first
        )
        head = self.machines.transparency.head
        self._lines_of = (head.log, head.epoch) if head is not None else None
        self.departure.book.lines_asked()
        return self._ask(WantLines(), frame)

    def _ask(self, question: WantLines | WantEntries | WantReminded, frame: Follow | Disclose | Remind) -> list[Effect]:
        asked: ClientFrame | None = self.machines.questions.ask(question, frame)
        return [Transmit(asked)] if asked is not None and self.machines.path.up else []

    def _accuse(
        self,
        cause: Cause,
        account: AccountId | None,
        ours: Signed | None,
        *once: object,
        theirs: Signed | None = None,
        now: Moment,
    ) -> list[Effect]:
        """Tell the person what the relay did, once, and keep what it has signed."""
        what = (cause, account, *once)
        if what in self._told or len(self._told) >= TOLD_MAX:
            return []
        self._told.add(what)
        return [Save(KeepEvidence(cause, account, ours, theirs, now.wall_ms)), Tell(Warned(cause, account))]
