"""Lets the relay lie: about lists, keys, mail and itself, to whoever it speaks to next."""

from typing import Final

import msgspec

from answerback.lab.simulation.faults import KINDS
from answerback.lab.simulation.misfortunes.trouble import Kind, Trouble
from answerback.lab.simulation.tongue import Lie, Twist
from answerback.lab.simulation.villager import Villager
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.wire.frames import (
    Acceptance,
    Accepted,
    Announced,
    Challenge,
    Claimed,
    Deliver,
    Listed,
    Located,
    Pong,
    Published,
    Refusal,
    Refused,
    RelayFrame,
    Resolved,
    Whereabouts,
)

ANSWERS: Final = (Accepted, Refused, Located, Listed, Resolved, Claimed, Published, Announced, Pong)
NOBODYS_NUMBER: Final = 10**9
"""A question that was never asked."""
AGAIN_S: Final = (0.2, 5.0)


class RelayLies(Trouble):
    """What a relay says that is not so, or says twice."""

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            self.relay_says_twice,
            self.relay_answers_unasked,
            self.relay_answers_another_question,
            self.relay_forges_a_list,
            self.relay_forges_a_seal_key,
            self.relay_swaps_a_prekey,
            self.relay_moves_an_envelope,
            self.relay_speaks_another_wire,
            self.relay_refuses_for_good,
            self.relay_denies_mail,
        ]

    def heal(self) -> None:
        """Let it be honest from now on, in a new run: what it kept from a connection, it hands over on the next."""
        self.town.office.tongue.lies.clear()
        if self.town.truth.relay_lied and self.town.office.is_up:
            self.town.office.crash()

    def relay_says_twice(self) -> None:
        """Say the next answers twice at once, and once more a little later."""
        self._arm("relay_says_twice", _twice, times=6, again_s=self.some(AGAIN_S))

    def relay_answers_unasked(self) -> None:
        """Answer questions that nobody asked."""
        self._arm("relay_answers_unasked", self._unasked)

    def relay_answers_another_question(self) -> None:
        """Answer with what was not asked for."""
        self._arm("relay_answers_another_question", _another)

    def relay_forges_a_list(self) -> None:
        """Hand out device lists that no root key signed."""
        self._arm("relay_forges_a_list", self._forged_list)
        self._have_asked()

    def relay_forges_a_seal_key(self) -> None:
        """Hand out seal keys that their device did not sign, or that another one did."""
        self._arm("relay_forges_a_seal_key", self._forged_seal_key)
        self._have_asked()

    def relay_swaps_a_prekey(self) -> None:
        """Hand out a pre-key that its device did not sign."""
        self._arm("relay_swaps_a_prekey", _forged_prekey)

    def relay_moves_an_envelope(self) -> None:
        """Hand mail over in another lane than it was sealed for."""
        self._arm("relay_moves_an_envelope", self._moved)

    def relay_speaks_another_wire(self) -> None:
        """Speak a version of the wire that nobody knows."""
        self._arm("relay_speaks_another_wire", _another_wire)

    def relay_refuses_for_good(self) -> None:
        """Say of mail that was kept that it never will be."""
        self._arm("relay_refuses_for_good", self._refused)

    def relay_denies_mail(self) -> None:
        """Say of mail that waits that it was taken."""
        self._arm("relay_denies_mail", self._denied, times=12)

    def _have_asked(self) -> None:
        """Somebody looks an account up: there is something to lie about."""
        account = self.town.random.choice(sorted(self.town.handles))
        self.anybody().change(lambda engine, now: engine.look_up(account, now=now))

    # ---- what is said instead

    def _forged_list(self, frame: RelayFrame, _name: str) -> list[RelayFrame]:
        lists = frame.lists or self.town.lists.get(frame.account, []) if isinstance(frame, Listed) else []
        if not isinstance(frame, Listed) or not lists:
            return []
        self.town.truth.lied_about.add(frame.account)
        return [msgspec.structs.replace(frame, lists=[_spoilt(lists[-1])])]

    def _forged_seal_key(self, frame: RelayFrame, name: str) -> list[RelayFrame]:
        if not isinstance(frame, Listed) or not frame.seal_keys:
            return []
        kept = "SELECT seal_body, seal_signature FROM device WHERE id = ? AND seal_body <> x''"
        own = [Signed(*row) for row in self.town.office.disk.rows(kept, (self._who(name).device,))]  # type: ignore[arg-type]
        forged = own if own and self.chance(0.5) else [_spoilt(key) for key in frame.seal_keys]
        return [msgspec.structs.replace(frame, seal_keys=forged)]

    def _moved(self, frame: RelayFrame, name: str) -> list[RelayFrame]:
        if not isinstance(frame, Deliver) or not frame.entries:
            return []
        self.town.truth.misled.add(self._who(name).device)
        first = frame.entries[0]
        lane = Lane.BULK if first.lane is not Lane.BULK else Lane.NORMAL
        return [Deliver([msgspec.structs.replace(first, lane=lane), *frame.entries[1:]])]

    def _refused(self, frame: RelayFrame, name: str) -> list[RelayFrame]:
        agent = self._who(name).agent
        if not isinstance(frame, Accepted) or agent is None:
            return []
        outbox = agent.engine.machines.outbox
        copies = [copy for entry in frame.entries if (copy := outbox.copy_of(entry.id)) is not None]
        self.town.truth.refused_for_good |= {copy.key for copy in copies}
        return [Refused([Refusal(entry.id, Cause.MESSAGE_TOO_LARGE.value, -1) for entry in frame.entries])]

    def _denied(self, frame: RelayFrame, _name: str) -> list[RelayFrame]:
        if not isinstance(frame, Located):
            return []
        return [Located([Whereabouts(entry.id, held=False, taken=True, away_s=0) for entry in frame.entries])]

    def _unasked(self, frame: RelayFrame, name: str) -> list[RelayFrame]:
        if not isinstance(frame, ANSWERS):
            return []
        nobody, nowhere = AccountId(bytes(16)), DeviceId(bytes(16))
        return [
            Listed(NOBODYS_NUMBER, nobody, [], []),
            Resolved(NOBODYS_NUMBER, "nobody@example.org", self._who(name).account),
            Claimed(NOBODYS_NUMBER, nowhere, None, Cause.RECIPIENT_NO_KEYS.value),
            Published(NOBODYS_NUMBER, 0),
            Announced(NOBODYS_NUMBER, 1),
            Located([Whereabouts(EnvelopeId(bytes(16)), held=False, taken=True, away_s=0)]),
            Refused([Refusal(EnvelopeId(bytes(16)), Cause.RELAY_BUSY.value, 0)]),
            Accepted([Acceptance(EnvelopeId(bytes(16)), 1, 0)]),
            Pong(NOBODYS_NUMBER, self.town.office.wall_ms),
            frame,
        ]

    def _who(self, name: str) -> Villager:
        return next(villager for villager in self.town.villagers if villager.name == name)

    def _arm(self, kind: str, twist: Twist, *, times: int = 1, again_s: float = 0.0) -> None:
        assert kind in KINDS
        self.town.truth.relay_lied = True
        self.town.office.tongue.lies.append(Lie(kind, twist, times, again_s))


def _spoilt(signed: Signed) -> Signed:
    return Signed(signed.body, bytes([signed.signature[0] ^ 1]) + signed.signature[1:])


def _twice(frame: RelayFrame, _name: str) -> list[RelayFrame]:
    return [frame, frame] if isinstance(frame, (*ANSWERS, Deliver)) else []


def _another(frame: RelayFrame, _name: str) -> list[RelayFrame]:
    if isinstance(frame, Resolved):
        return [msgspec.structs.replace(frame, handle="nobody@example.org")]
    if isinstance(frame, Claimed):
        return [msgspec.structs.replace(frame, device=DeviceId(bytes(16)))]
    if isinstance(frame, Published):
        return [Announced(frame.request, 1)]
    if isinstance(frame, Announced):
        return [msgspec.structs.replace(frame, cause=Cause.RELAY_FAULTY.value)]
    return []


def _forged_prekey(frame: RelayFrame, _name: str) -> list[RelayFrame]:
    if not isinstance(frame, Claimed) or frame.prekey is None:
        return []
    return [msgspec.structs.replace(frame, prekey=_spoilt(frame.prekey))]


def _another_wire(frame: RelayFrame, _name: str) -> list[RelayFrame]:
    return [msgspec.structs.replace(frame, wire=frame.wire + 1)] if isinstance(frame, Challenge) else []
