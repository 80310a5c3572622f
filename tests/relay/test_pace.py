"""A device says how much it takes: urgent mail comes at once, the rest within its budget, chatter in company only."""

from pathlib import Path

import pytest

from answerback.model.envelope import Delivery
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.relay.handover import COMPANY_S, ENTRY_BYTES, HandOver
from answerback.relay.helpings import HELPING_S
from answerback.relay.knocking import Urgency
from answerback.storage.relay_commands import NOTHING_TAKEN
from answerback.wire.frames import Farewell, Pace, Ping, Submit, Subscribe, Taken, Took, Welcome
from answerback.wire.subscriptions import subscription_name
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope

PUSH = Subscribe("https://push.example/1", b"\x04" + bytes(64), bytes(16))
BUDGET_BYTES = 4_000


def send(drive: Drive, sender: int, *envelopes: object) -> None:
    drive.say(sender, Submit(list(envelopes)))  # type: ignore[arg-type]
    drive.settle()


@pytest.fixture
def village(tmp_path: Path, people: list[Resident]) -> tuple[Drive, Resident, int, int]:
    """Two who are here: the number of the one, and of the other, who rests."""
    drive = Drive(tmp_path, people)
    return drive, people[1], drive.enter(people[0]), drive.enter(people[1])


def test_beyond_its_budget_only_urgent_mail_comes_until_the_device_says_so_again(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann, number = village
    drive.say(number, Pace(1, BUDGET_BYTES))
    send(drive, ann, *(envelope(bea, f"n{count:02}", size_bytes=1_000) for count in range(12)))
    first = len(drive.take_all(number))
    assert BUDGET_BYTES // 1_100 <= first <= BUDGET_BYTES // 1_000 + 1
    send(drive, ann, envelope(bea, "now!", lane=Lane.URGENT, size_bytes=20_000))
    assert drive.delivered(number)[-1].startswith(b"now!")
    drive.say(number, Took([Taken(Lane.URGENT, 2**52)]))
    drive.say(number, Pace(1, BUDGET_BYTES))
    drive.settle()
    drive.say(number, Pace(0))
    drive.settle()
    texts = [text[:3] for text in drive.delivered(number) if text.startswith(b"n") and not text.startswith(b"now!")]
    drive.take_all(number)
    texts = [text[:3] for text in drive.delivered(number) if not text.startswith(b"now!")]
    assert texts == [f"n{count:02}".encode() for count in range(12)], "all of it, once, in order"


def test_what_is_not_taken_for_now_stays_on_the_disk_and_lets_files_pass(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann, number = village
    drive.say(number, Pace(2, 500))
    send(drive, ann, *(envelope(bea, f"{count}", size_bytes=30_000) for count in range(20)))
    hand_over = drive.exchange.mailboxes.hand_over(bea.device)
    assert hand_over is not None
    assert hand_over._queued_bytes == 0
    waits_before = hand_over.has_mail
    drive.say(number, Pace(0))
    drive.settle()
    assert (waits_before, hand_over.has_mail) == (False, True)
    assert len(drive.take_all(number)) == 20


def test_after_a_while_a_flood_goes_on_by_itself(village: tuple[Drive, Resident, int, int]) -> None:
    drive, bea, ann, number = village
    drive.say(number, Pace(2, BUDGET_BYTES))
    send(drive, ann, *(envelope(bea, f"{count}", size_bytes=1_000) for count in range(8)))
    first = len(drive.take_all(number))
    drive.pass_time(6.0)
    drive.settle()
    assert drive.take_all(number)[first:] == []
    drive.say(number, Ping(1))
    drive.pass_time(HELPING_S)
    drive.settle()
    drive.take_all(number)
    assert len(drive.delivered(number)) == 8


def test_a_pace_counts_for_the_next_connection_too(village: tuple[Drive, Resident, int, int]) -> None:
    drive, bea, ann, number = village
    drive.say(number, Pace(1, BUDGET_BYTES))
    drive.lose(number)
    send(drive, ann, *(envelope(bea, f"{count}", size_bytes=1_000) for count in range(12)))
    again = drive.enter(bea)
    assert 0 < len(drive.take_all(again)) <= BUDGET_BYTES // 1_000 + 1
    drive.say(again, Pace(0))
    drive.settle()
    drive.take_all(again)
    assert len(drive.delivered(again)) == 12


def test_receipts_do_not_wake_who_rests_and_come_with_mail_or_at_its_next_word(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann, number = village
    drive.say(number, Pace(2))
    drive.pass_time(COMPANY_S + 1)
    send(drive, ann, envelope(bea, "receipt", lane=Lane.CONTROL), envelope(bea, "history", lane=Lane.BACKGROUND))
    assert drive.delivered(number) == []
    drive.say(number, Ping(1))
    drive.settle()
    assert set(drive.delivered(number)) == {b"receipt", b"history"}
    drive.take_all(number)
    drive.pass_time(COMPANY_S + 1)
    send(drive, ann, envelope(bea, "later", lane=Lane.CONTROL))
    send(drive, ann, envelope(bea, "text"))
    assert drive.delivered(number)[-2:] == [b"later", b"text"], "and the receipt first, as ever"


def test_the_budget_ends_with_the_envelope_that_passes_it() -> None:
    hand_over = HandOver(1, NOTHING_TAKEN, has_mail=False)
    hand_over.pace(Pace(1, 100), now_s=0.0)
    for position in (1, 2):
        hand_over.offer(Delivery(position, Lane.NORMAL, EnvelopeId(b"i" * 16), bytes(200)))
    (frame,) = hand_over.frames(now_s=0.0)
    assert [entry.position for entry in frame.entries] == [1]
    assert hand_over.outstanding_bytes == 200 + ENTRY_BYTES
    assert hand_over.after[Lane.NORMAL] == 1


# ---- whom to wake


def subscribed(village: tuple[Drive, Resident, int, int]) -> tuple[Drive, Resident, int]:
    drive, bea, ann, number = village
    drive.say(number, PUSH)
    drive.settle()
    drive.lose(number)
    drive.settle()
    return drive, bea, ann


def test_mail_for_a_device_that_is_away_knocks_and_for_one_that_is_here_does_not(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann, number = village
    drive.say(number, PUSH)
    assert drive.exchange.knocking.take_wishes() == {bea.device: PUSH}
    send(drive, ann, envelope(bea, "one"))
    assert drive.exchange.knocking.wake_at_s is None
    drive.take_all(number)
    drive.lose(number)
    send(drive, ann, envelope(bea, "receipt", lane=Lane.CONTROL))
    assert drive.exchange.knocking.wake_at_s is None
    send(drive, ann, envelope(bea, "two", lane=Lane.URGENT))
    (knock,) = drive.exchange.knocking.wake(now_s=drive.now_s)
    assert (knock.device, knock.urgency) == (bea.device, Urgency.HIGH)


def test_a_device_that_goes_with_mail_on_its_way_is_woken_for_it(village: tuple[Drive, Resident, int, int]) -> None:
    drive, bea, ann, number = village
    drive.say(number, PUSH)
    send(drive, ann, envelope(bea, "one"))
    drive.pass_time(6.0)
    drive.pass_time(125.0)
    assert drive.heard(number, Farewell), "handed over and never taken: it is not there"
    assert [knock.device for knock in drive.exchange.knocking.wake(now_s=drive.now_s)] == [bea.device]


def test_what_a_device_left_behind_on_purpose_does_not_wake_it(village: tuple[Drive, Resident, int, int]) -> None:
    drive, bea, ann, number = village
    drive.say(number, PUSH)
    drive.say(number, Pace(2, 500))
    send(drive, ann, *(envelope(bea, f"{count}", size_bytes=1_000) for count in range(3)))
    drive.take_all(number)
    drive.lose(number)
    assert drive.exchange.knocking.wake_at_s is None


def test_who_comes_is_not_knocked_for_and_hears_what_subscription_is_held(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann = subscribed(village)
    send(drive, ann, envelope(bea, "one"))
    number = drive.enter(bea)
    assert drive.exchange.knocking.wake_at_s is None
    assert drive.heard_a(number, Welcome).push == subscription_name(PUSH)
    assert drive.heard_a(ann, Welcome).push == b""


def test_a_device_that_is_revoked_is_woken_no_more_and_where_is_forgotten(
    village: tuple[Drive, Resident, int, int],
) -> None:
    drive, bea, ann, _ = village
    drive.say(village[3], PUSH)
    drive.exchange.knocking.take_wishes()
    drive.carry_out(drive.exchange._revoke([bea.device], drive.moment))
    assert drive.exchange.knocking.take_wishes() == {bea.device: Subscribe("")}
    assert drive.exchange.knocking.name_of(bea.device) == b""
    assert ann not in drive.closed


def test_a_subscription_that_cannot_be_one_ends_the_connection(village: tuple[Drive, Resident, int, int]) -> None:
    drive, _, ann, number = village
    drive.say(number, Subscribe("http://169.254.169.254/latest"))
    assert drive.heard_a(number, Farewell).cause == "relay.incompatible"
    assert ann not in drive.closed
    assert drive.exchange.knocking.take_wishes() == {}
