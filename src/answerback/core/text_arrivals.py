"""Takes what carriers bring: knows an arrival again, and shows no message twice that came both ways.

Theory. A text says that it comes from a number, and a number proves nothing: whoever pays can write any there. So what
arrives is shown as a text, unencrypted and unproven, and never counts as its contact's word. Its tag names the message
that it may be; but only if the words are the same as well is it that message. A tag under other words is somebody who
has seen a text and writes another: both are shown. Whichever comes first, the encrypted one is what stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from answerback.core.effects import Effect, Moment, Save, Tell, TextCame, TextMerged, Warned
from answerback.core.facts import DropTextMessage, KeepMessage, KeepTextArrival
from answerback.model.causes import Cause
from answerback.model.fallback import NO_DEVICE, body_of, likeness, tag_of, untagged
from answerback.model.ids import AccountId, MessageId, conversation_id, message_id
from answerback.model.message import Message, Urgency
from answerback.model.stamp import Stamp
from answerback.model.texts import TextArrived

ARRIVALS_MAX = 10_000
"""Arrivals remembered: carriers say an arrival again within a day, not after ten thousand others."""
MESSAGES_MAX = 10_000
"""Messages remembered by their tag; a text that is later than so many messages is shown beside its own."""
TEXT_CHARACTERS_MAX = 2_000
"""Fourteen parts: more than a phone puts together. What is beyond is cut off, and that is said."""
CUT = " […]"
AN_HOUR_MAX = 120
"""Texts taken from one number within an hour: two a minute. Anybody can send them, under anybody's number."""
HOUR_S = 3600.0
LIFETIME_MS = 86_400_000


@dataclass(slots=True)
class TextArrivals:
    """What carriers have brought to this device."""

    _arrivals: dict[bytes, KeepTextArrival] = field(default_factory=dict)
    _open: dict[tuple[AccountId, str], list[KeepTextArrival]] = field(default_factory=dict)
    """Shown as texts, with a tag: the message that they are may still come."""
    _met: dict[tuple[AccountId, str], tuple[MessageId, bytes]] = field(default_factory=dict)
    """Messages that came end to end encrypted, by the tag that their text would have."""
    _hours: dict[AccountId, list[float]] = field(default_factory=dict)
    """When the last texts of each contact came, in this run."""

    def restore(self, *, arrivals: Iterable[KeepTextArrival], lately: Iterable[Message]) -> None:
        """Take back what came, oldest first."""
        for message in lately:
            self._meet(message)
        for arrival in arrivals:
            self._remember(arrival)

    def met(self, message: Message) -> list[Effect]:
        """A message came end to end encrypted: where it was shown as a text already, it takes that one's place."""
        self._meet(message)
        author, tag = message.author, tag_of(message.id)
        likely = self._open.get((author, tag), [])
        same = [arrival for arrival in likely if arrival.likeness == _likeness(message)]
        effects: list[Effect] = []
        for arrival in same:
            likely.remove(arrival)
            merged = replace(arrival, message=message.id, is_merged=True)
            self._arrivals[arrival.id] = merged
            effects += [
                Save(DropTextMessage(author, arrival.message)),
                Save(merged),
                Tell(TextMerged(message.id, arrival.message, arrival.carrier)),
            ]
        return effects

    def came(
        self, text: TextArrived, *, account: AccountId | None, own: AccountId, stamp: Stamp, now: Moment
    ) -> list[Effect]:
        """Take a text in; `account` is whose number it claims to come from. The same arrival again changes nothing."""
        if text.id in self._arrivals:
            return []
        if account is None or account == own:
            return [Tell(Warned(Cause.TEXT_FROM_STRANGER))]
        if self._floods(account, now_s=now.now_s):
            return [Tell(Warned(Cause.TEXT_FLOOD, account))]
        said, tag = untagged(text.text)
        met = self._met.get((account, tag)) if tag else None
        shown = text.text if len(text.text) <= TEXT_CHARACTERS_MAX else text.text[:TEXT_CHARACTERS_MAX] + CUT
        message = _as_message(text.id, shown, author=account, own=own, stamp=stamp)
        arrival = KeepTextArrival(
            id=text.id,
            account=account,
            message=message.id,
            carrier=text.carrier,
            tag=tag,
            likeness=likeness(said),
            is_merged=False,
            arrived_wall_ms=now.wall_ms,
        )
        if met is not None and met[1] == arrival.likeness:
            merged = replace(arrival, message=met[0], is_merged=True)
            self._remember(merged)
            return [Save(merged), Tell(TextMerged(met[0], met[0], text.carrier))]
        twin = next((one for one in self._open.get((account, tag), ()) if one.likeness == arrival.likeness), None)
        if twin is not None:  # its network brought it twice; without a tag nobody can tell
            again = replace(arrival, message=twin.message)
            self._remember(again)
            return [Save(again)]
        self._remember(arrival)
        return [Save(KeepMessage(message, now.wall_ms)), Save(arrival), Tell(TextCame(message, text.carrier))]

    def _floods(self, account: AccountId, *, now_s: float) -> bool:
        hour = [at_s for at_s in self._hours.get(account, ()) if at_s > now_s - HOUR_S]
        self._hours[account] = hour
        if len(hour) >= AN_HOUR_MAX:
            return True
        hour.append(now_s)
        return False

    def _meet(self, message: Message) -> None:
        self._met[message.author, tag_of(message.id)] = message.id, _likeness(message)
        while len(self._met) > MESSAGES_MAX:
            del self._met[next(iter(self._met))]

    def _remember(self, arrival: KeepTextArrival) -> None:
        self._arrivals[arrival.id] = arrival
        if arrival.tag and not arrival.is_merged:
            self._open.setdefault((arrival.account, arrival.tag), []).append(arrival)
        while len(self._arrivals) > ARRIVALS_MAX:
            old = self._arrivals.pop(next(iter(self._arrivals)))
            waiting = self._open.get((old.account, old.tag), [])
            if old in waiting:
                waiting.remove(old)


def _likeness(message: Message) -> bytes:
    return likeness(body_of(message.text, has_file=message.attachment is not None))


def _as_message(arrival: bytes, text: str, *, author: AccountId, own: AccountId, stamp: Stamp) -> Message:
    randomness = likeness("answerback arrival " + arrival.hex())[:10]
    return Message(
        id=message_id(wall_ms=stamp.wall_ms, randomness=randomness),
        conversation=conversation_id(frozenset((author, own))),
        author=author,
        author_device=NO_DEVICE,
        recipients=frozenset((own,)),
        text=text,
        attachment=None,
        urgency=Urgency.NORMAL,
        stamp=stamp,
        written_after=frozenset(),
        expires_ms=stamp.wall_ms + LIFETIME_MS,
    )
