"""Proves that the simulator can fail: each planted defect is found within a hundred worlds."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from answerback.core.arrival import Arrival
from answerback.core.catchup import Catchup
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Progressed, Save, Tell, Transmit
from answerback.core.facts import Fact, KeepCopy, KeepOutgoing, KeepRatchet, KeepSeen, RaiseStage
from answerback.core.fanout import Targets, targets
from answerback.core.inbox import Inbox
from answerback.core.lanes import CopyKey, Lanes
from answerback.core.outbox import Copy, Outbox, Promise
from answerback.core.roster import Roster
from answerback.core.sessions import Opened, Sessions
from answerback.core.threads import Threads
from answerback.core.transfers import Transfers
from answerback.core.transparency import Transparency, Verdict
from answerback.core.witnessing import Witnessing
from answerback.device.agent import Agent
from answerback.lab.simulation.life import live
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.log import TreeHead
from answerback.model.message import Lane, Message
from answerback.model.timeline import Stage, Step, Wait
from answerback.wire.frames import Took
from answerback.wire.letters import Inner, Receipt

SEEDS_MAX = 100
Plant = Callable[[pytest.MonkeyPatch], None]


def without(kind: type) -> Plant:
    """Whatever is said, this never reaches the disk."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        carry_out = Agent.carry_out

        def forgetful(agent: Agent, effects: Sequence[Effect]) -> None:
            carry_out(agent, [e for e in effects if not (isinstance(e, Save) and isinstance(e.fact, kind))])

        patch.setattr(Agent, "carry_out", forgetful)

    plant.__name__ = f"{kind.__name__}_is_not_saved"
    return plant


def spoken_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """What is told and sent does not wait for the disk."""
    carry_out = Agent.carry_out

    def hasty(agent: Agent, effects: Sequence[Effect]) -> None:
        carry_out(agent, [effect for effect in effects if not isinstance(effect, Save)])
        agent.journal.commit([effect.fact for effect in effects if isinstance(effect, Save)])

    patch.setattr(Agent, "carry_out", hasty)


def sealed_anew_and_not_recognised(patch: pytest.MonkeyPatch) -> None:
    """Whatever is sent again is another envelope, and whoever gets it does not know the message."""
    patch.setattr(Threads, "add", lambda *_: True)
    again = Departure.again
    patch.setattr(Departure, "again", lambda departure, copy, **_: again(departure, copy, reseal=True))


def promise_ends_at_the_relay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Promise, "_owed", lambda _, copy: copy.open and copy.stage < Stage.ACCEPTED)


def what_was_under_way_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "connection_lost", lambda *_: [])


def nobody_asks_where_mail_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catchup, "page", lambda *_: None)


def order_of_leaving_is_lost(patch: pytest.MonkeyPatch) -> None:
    queue = Departure.queue

    def backwards(departure: Departure, copy: Copy) -> None:
        copy.order = -abs(copy.order)
        queue(departure, copy)

    patch.setattr(Departure, "queue", backwards)


def what_is_leaving_is_queued_again(patch: pytest.MonkeyPatch) -> None:
    """A copy handed to the connection is queued once more until the socket has said that it took it."""

    def queue(departure: Departure, copy: Copy) -> None:
        if copy.stage in (Stage.QUEUED, Stage.SEALED):
            departure.machines.lanes.push(copy.key, lane=copy.lane, order=copy.order)

    patch.setattr(Departure, "queue", queue)


def receipts_cause_receipts(patch: pytest.MonkeyPatch) -> None:
    opened = Arrival._opened

    def chatty(arrival: Arrival, delivery, opened_now: Opened, replies, *, now) -> list[Effect]:  # type: ignore[no-untyped-def] # noqa: ANN001
        effects = opened(arrival, delivery, opened_now, replies, now=now)
        return [
            *effects,
            *arrival.departure.control(
                Receipt([opened_now.slip.message], []), (opened_now.slip.author_device,), now=now
            ),
        ]

    patch.setattr(Arrival, "_opened", chatty)


def texts_are_logged(patch: pytest.MonkeyPatch) -> None:
    add = Threads.add

    def talkative(threads: Threads, message: Message) -> bool:
        logging.getLogger("answerback.core").warning("received %s", message.text)
        return add(threads, message)

    patch.setattr(Threads, "add", talkative)


def acknowledged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """What is acknowledged reaches the disk one change late."""
    postponed(patch, lambda effects: any(isinstance(e, Transmit) and isinstance(e.frame, Took) for e in effects), Fact)


def ratchets_saved_after_sending(patch: pytest.MonkeyPatch) -> None:
    postponed(patch, lambda _: True, KeepRatchet)


def postponed(patch: pytest.MonkeyPatch, when: Callable[[Sequence[Effect]], bool], kind: object) -> None:
    """Some facts of some changes are kept with the next change."""
    carry_out = Agent.carry_out
    late: dict[Agent, list[Effect]] = {}

    def slow(agent: Agent, effects: Sequence[Effect]) -> None:
        held: list[Effect] = [e for e in effects if when(effects) and isinstance(e, Save) and isinstance(e.fact, kind)]  # type: ignore[arg-type]
        before, late[agent] = late.get(agent, []), held
        carry_out(agent, [*before, *(effect for effect in effects if effect not in held)])

    patch.setattr(Agent, "carry_out", slow)


def dedupe_comes_after_opening(patch: pytest.MonkeyPatch) -> None:
    take = Inbox.take

    def forgetful(inbox: Inbox, delivery: Delivery) -> None:
        take(inbox, delivery)

    patch.setattr(Inbox, "take", forgetful)


def receipts_are_taken_twice(patch: pytest.MonkeyPatch) -> None:
    answered = Outbox.answered

    def twice(
        outbox: Outbox, messages: Iterable[MessageId], device: DeviceId, stage: Stage, *, now: Moment
    ) -> list[Effect]:
        messages = list(messages)
        effects = answered(outbox, messages, device, stage, now=now)
        outbox._ended.clear()
        return [*effects, *answered(outbox, messages, device, stage, now=now)]

    patch.setattr(Outbox, "answered", twice)


def receipts_are_believed_from_anybody(patch: pytest.MonkeyPatch) -> None:
    def told(_outbox: Outbox, key: CopyKey, step: Step) -> list[Effect]:
        message, device = key
        return [Save(RaiseStage(message, device, step)), Tell(Progressed(message, device, step))]

    patch.setattr(Outbox, "_answered_late", told)


def files_hold_nothing_up(patch: pytest.MonkeyPatch) -> None:
    """A message is said to be delivered, and leaves, before its file."""
    patch.setattr(Transfers, "active", lambda *_: False)


def files_leave_in_the_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("answerback.lab.simulation.villager.seal_file", lambda _, pieces: pieces)


def own_other_devices_get_nothing(patch: pytest.MonkeyPatch) -> None:
    def others(letter: KeepOutgoing, roster: Roster, *, own_account: AccountId, own_device: DeviceId) -> Targets:
        found = targets(letter, roster, own_account=own_account, own_device=own_device)
        if letter.devices:
            return found
        return replace(found, devices=tuple(pair for pair in found.devices if pair[0] != own_account))

    patch.setattr("answerback.core.departure.targets", others)


def the_urgent_waits_its_turn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("answerback.core.lanes.STRICT", (Lane.CONTROL,))
    patch.setattr("answerback.core.lanes.WEIGHTS", {Lane.NORMAL: 8, Lane.URGENT: 8, Lane.BULK: 2, Lane.BACKGROUND: 1})
    fresh = dict.fromkeys((Lane.NORMAL, Lane.URGENT, Lane.BULK, Lane.BACKGROUND), 8)
    patch.setattr(Lanes, "__init__", with_credit(fresh))


def with_credit(credit: dict[Lane, int]) -> Callable[[Lanes], None]:
    begin = Lanes.__init__

    def init(lanes: Lanes) -> None:
        begin(lanes)
        lanes._credit = dict(credit)

    return init


def every_wait_is_the_networks_fault(patch: pytest.MonkeyPatch) -> None:
    wait = Wait(Cause.NETWORK_NO_PATH, None, "nothing")
    patch.setattr("answerback.core.engine.wait_of_copy", lambda *_, **__: wait)


def seal_keys_are_logged(patch: pytest.MonkeyPatch) -> None:
    unseal = Sessions.unseal

    def talkative(sessions: Sessions, delivery: Delivery) -> Inner:
        for secret in sessions.secrets.values():
            logging.getLogger("answerback.core").warning("opening with %s", secret.secret.hex())
        return unseal(sessions, delivery)

    patch.setattr(Sessions, "unseal", talkative)


def with_lies(patch: pytest.MonkeyPatch) -> None:
    """In each world the relay lies about its directory."""
    patch.setattr("answerback.lab.simulation.life.DIRECTORY_SHARE", 1.0)


def heads_are_compared_with_nobody(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    patch.setattr(Transparency, "hear", lambda *_: False)


def lists_are_used_without_proof(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    patch.setattr(Witnessing, "may_use_lists", lambda *_, **__: (True, []))


def handles_are_used_without_proof(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    patch.setattr(Witnessing, "may_use_account", lambda *_, **__: (True, []))


def nobody_misses_a_newer_list(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    patch.setattr(Witnessing, "withheld", lambda *_, **__: [])


def any_head_follows(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    judge = Transparency.judge

    def believe(
        log: Transparency, signed: Signed, consistency: Sequence[bytes], *, asked_size: int
    ) -> tuple[Verdict, TreeHead | None]:
        verdict, head = judge(log, signed, consistency, asked_size=asked_size)
        return (Verdict.FOLLOWS if head is not None and log.head is not None else verdict), head

    patch.setattr(Transparency, "judge", believe)


def nobody_reads_the_log(patch: pytest.MonkeyPatch) -> None:
    with_lies(patch)
    patch.setattr(Witnessing, "_ask_lines", lambda *_, **__: [])


PLANTS: Sequence[tuple[Plant, set[str], int]] = (
    (without(KeepRatchet), {"kept"}, 0),
    (without(KeepSeen), {"kept", "once"}, 0),
    (without(KeepCopy), {"kept"}, 0),
    (spoken_before_the_commit, {"kept", "honest"}, 0),
    (sealed_anew_and_not_recognised, {"once"}, 0),
    (promise_ends_at_the_relay, {"kept"}, 0),
    (what_was_under_way_is_forgotten, {"finishes", "kept"}, 0),
    (nobody_asks_where_mail_is, {"finishes", "kept"}, 0),
    (order_of_leaving_is_lost, {"ordered"}, 0),
    (what_is_leaving_is_queued_again, {"quiet", "finishes"}, 356),
    (receipts_cause_receipts, {"finishes", "quiet"}, 9),
    (texts_are_logged, {"private"}, 0),
    (acknowledged_before_the_commit, {"kept"}, 0),
    (ratchets_saved_after_sending, {"kept"}, 0),
    (dedupe_comes_after_opening, {"once"}, 0),
    (receipts_are_taken_twice, {"once"}, 0),
    (receipts_are_believed_from_anybody, {"honest"}, 75),
    (files_hold_nothing_up, {"honest"}, 0),
    (files_leave_in_the_open, {"private"}, 0),
    (own_other_devices_get_nothing, {"kept"}, 0),
    (the_urgent_waits_its_turn, {"ordered"}, 0),
    (every_wait_is_the_networks_fault, {"honest"}, 0),
    (seal_keys_are_logged, {"private"}, 0),
    (heads_are_compared_with_nobody, {"named"}, 5),
    (lists_are_used_without_proof, {"named"}, 3),
    (handles_are_used_without_proof, {"named"}, 9),
    (nobody_misses_a_newer_list, {"named"}, 0),
    (any_head_follows, {"named"}, 1),
    (nobody_reads_the_log, {"named"}, 11),
)
"""The defect, who must object, and from which seed on it is looked for: rare luck is found in fewer worlds there."""
HEAL_S: dict[Plant, float] = {receipts_cause_receipts: 20.0}
"""Whoever talks without end is slow to listen to."""


def shorten(patch: pytest.MonkeyPatch, heal_s: float) -> None:
    patch.setattr("answerback.lab.simulation.life.HEAL_S_MAX", heal_s)
    patch.setattr("answerback.lab.simulation.life.QUIET_S", 60.0)
    patch.setattr("answerback.lab.simulation.life.HEARD_S", 0.0)


@pytest.mark.parametrize(("plant", "checkers", "first"), PLANTS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_planted_defect_is_found(
    plant: Plant, checkers: set[str], first: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(monkeypatch)
    shorten(monkeypatch, HEAL_S.get(plant, 1800.0))
    for seed in range(first, first + SEEDS_MAX):
        found = {objection.split(":")[0] for objection in live(seed, tmp_path).objections}
        if found & checkers:
            return
    pytest.fail(f"{plant.__name__} was not found in {SEEDS_MAX} worlds")


@pytest.mark.parametrize(("seed", "heal_s"), [(9, 20.0), (0, 300.0), (2, 1800.0), (9, 1800.0), (56, 1800.0)])
def test_the_same_worlds_without_a_defect_find_nothing(
    seed: int, heal_s: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shorten(monkeypatch, heal_s)
    assert live(seed, tmp_path).objections == ()
