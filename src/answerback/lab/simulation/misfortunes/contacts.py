"""Lets a contact lie: its device seals, with its own keys, what no honest client would."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from answerback.core.effects import Effect, Moment
from answerback.core.engine import Engine
from answerback.lab.simulation.forger import FORGED, Forgery, sealed
from answerback.lab.simulation.misfortunes.trouble import Kind, Trouble
from answerback.lab.simulation.town import CANARY
from answerback.lab.simulation.villager import Villager
from answerback.model.ids import AccountId, BlobId, ConversationId, DeviceId, EnvelopeId, MessageId, conversation_id
from answerback.model.message import LIFETIME_S, WRITTEN_AFTER_MAX, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.letters import AnyLetter, Gap, Nack, Post, Receipt, Void

AFRESH_COUNT: Final = 8
"""Sessions begun one after the other: more than a device keeps of one lane."""
AFRESH_S: Final = 1.0
HEADS_COUNT: Final = WRITTEN_AFTER_MAX + 4
"""Messages written after nothing: more than the next one can name."""
WAITS_S: Final = 60
FAR: Final = 10**6
Flaws = dict[str, Any]
"""What is wrong with a forgery."""
Write = Callable[[Villager, Villager], AnyLetter]
"""Writes what one sends the other."""


class ContactLies(Trouble):
    """What a contact's modified client does."""

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [
            self.contact_forges_a_slip,
            self.contact_forges_a_post,
            self.contact_forges_a_receipt,
            self.contact_calls_for_nonsense,
            self.contact_follows_nothing,
            self.contact_begins_afresh,
        ]

    def contact_forges_a_slip(self) -> None:
        """Name another author or reader, or nobody, or nothing that is a slip."""
        chance = self.town.random
        stranger, device = AccountId(chance.randbytes(16)), DeviceId(chance.randbytes(16))
        flaws: Sequence[Flaws] = (
            {"slip": {"author": stranger}},
            {"slip": {"author_device": device}},
            {"slip": {"reader_device": device}},
            {"slip": {"letter_sha256": bytes(32)}},
            {"is_garbage": True},
            {"inner": {"olm": b"no ratchet"}},
            {"inner": {"account": stranger, "device": device}},
        )
        harmless: Sequence[Flaws] = ({"slip": {"list_version": FAR}}, {"slip": {"sequence": FAR}})

        def own(liar: Villager, there: Villager) -> Post:  # it is shown: its author wrote it
            return self._post(liar, there, text=f"{CANARY} by its author")

        forged = [(self._post, flaw) for flaw in chance.sample(flaws, 4)]
        self._lie("contact_forges_a_slip", *forged, (own, chance.choice(harmless)))

    def contact_forges_a_post(self) -> None:
        """Write in a conversation that is none, under another id than the slip's, or to somebody else."""
        chance = self.town.random
        nowhere = ConversationId(bytes(16))
        stranger = AccountId(chance.randbytes(16))

        def elsewhere(liar: Villager, there: Villager) -> Post:
            members = frozenset((liar.account, stranger))
            return self._post(liar, there, recipients=[stranger], conversation=conversation_id(members))

        def no_conversation(liar: Villager, there: Villager) -> Post:
            return self._post(liar, there, conversation=nowhere)

        other: Flaws = {"slip": {"message": MessageId(chance.randbytes(16))}}
        self._lie("contact_forges_a_post", (elsewhere, {}), (no_conversation, {}), (self._post, other))

    def contact_forges_a_receipt(self) -> None:
        """Answer for messages that were never sent to this contact."""
        sent, nobody = self.town.truth.sent.values(), AccountId(self.town.random.randbytes(16))

        def letter(liar: Villager, there: Villager) -> Receipt:
            if there.is_on:  # to nobody, so that it surely waits still
                self.town.write(there, [], urgency=Urgency.NORMAL, lifetime_s=WAITS_S, accounts=[nobody])
            mine = [each for each in sent if each.author == there.device]
            others = [each.id for each in mine if liar.account not in each.recipients]
            return Receipt(others, others)

        self._lie("contact_forges_a_receipt", (letter, {}), lane=Lane.CONTROL)

    def contact_calls_for_nonsense(self) -> None:
        """Ask for what never was, and take back what nobody said."""
        chance = self.town.random
        every = [Gap(lane, 0, FAR) for lane in Lane]
        envelopes = [EnvelopeId(chance.randbytes(16)) for _ in range(5)]
        letters: tuple[AnyLetter, ...] = (
            Nack(envelopes, every, [BlobId(chance.randbytes(16))]),
            Void(every),
            Void([Gap(Lane.BULK, 5, 1)]),
        )
        self._lie("contact_calls_for_nonsense", *((_saying(letter), {}) for letter in letters), lane=Lane.CONTROL)

    def contact_follows_nothing(self) -> None:
        """Write message after message as if none had been there before."""
        pair = self._pair(Lane.NORMAL)
        if pair is None:
            return
        liar, there = pair
        self.fault("contact_follows_nothing", liar)
        for _ in range(HEADS_COUNT):
            self._seal(liar, there, self._post(liar, there, text=f"{CANARY} after nothing"), {}, lane=Lane.NORMAL)

    def contact_begins_afresh(self) -> None:
        """Begin a session, and another, and another, with a message in each."""
        pair = self._pair(Lane.NORMAL)
        if pair is None:
            return
        liar, there = pair
        self.fault("contact_begins_afresh", liar)
        handle = there.name.split()[0]

        def again() -> None:
            liar.change(lambda engine, now: _spend(engine, there.device, now))
            if liar.is_on:
                self.town.write(liar, [handle], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)

        for number in range(AFRESH_COUNT):
            self.town.later(number * AFRESH_S, again)

    # ---- sealing

    def _lie(self, kind: str, *forged: tuple[Write, Flaws], lane: Lane = Lane.NORMAL) -> None:
        pair = self._pair(lane)
        if pair is not None:
            liar, there = pair
            self.fault(kind, liar, f"to {there.name}")
            for letter, flaws in forged:
                self._seal(liar, there, letter(liar, there), flaws, lane=lane)

    def _pair(self, lane: Lane) -> tuple[Villager, Villager] | None:
        """Somebody who can write to somebody else right now, and that somebody."""
        pairs = [
            (liar, there)
            for liar in self.town.awake
            for there in self.town.villagers
            if liar.account != there.account and there.counts and _is_ready(liar, there, lane)
        ]
        return self.town.random.choice(pairs) if pairs else None

    def _post(self, liar: Villager, there: Villager, *, text: str = FORGED, **flaws: Any) -> Post:  # noqa: ANN401 - any field may be forged
        post = Post(
            MessageId(self.town.random.randbytes(16)),
            conversation_id(frozenset((liar.account, there.account))),
            [there.account],
            text,
            None,
            Urgency.NORMAL,
            Stamp(self.town.wall_ms, 0),
            [],
            self.town.wall_ms + LIFETIME_S * 1000,
        )
        return msgspec.structs.replace(post, **flaws)

    def _seal(self, liar: Villager, there: Villager, letter: AnyLetter, flaws: Flaws, *, lane: Lane) -> None:
        truth = self.town.truth
        truth.somebody_lied = True
        message = letter.message if isinstance(letter, Post) else MessageId(self.town.random.randbytes(16))
        forgery = Forgery(letter=letter, message=message, lane=lane, **flaws)

        def make(engine: Engine, _now: Moment) -> list[Effect]:
            envelope, effects = sealed(engine, forgery, there.device)
            if envelope is not None:
                truth.sealed.add(envelope)
            return effects

        liar.change(make)


def _saying(letter: AnyLetter) -> Write:
    return lambda _liar, _there: letter


def _is_ready(liar: Villager, there: Villager, lane: Lane) -> bool:
    assert liar.agent is not None
    machines = liar.agent.engine.machines
    is_known = machines.roster.device(there.device) is not None and machines.roster.seal_key(there.device) is not None
    return machines.path.up and is_known and machines.sessions.ready(there.device, lane)


def _spend(engine: Engine, device: DeviceId, now: Moment) -> list[Effect]:
    engine.machines.sessions.replace(device, Lane.NORMAL, now=now)
    return []
