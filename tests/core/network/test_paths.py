"""Proves that of several paths one carries the mail and one stands by, and that a move loses and doubles nothing."""

import pytest
from msgspec.structs import replace

from answerback.core.effects import Probe, Use
from answerback.core.network.interfaces import ANY_PATH
from answerback.core.network.paths import PATHS_MAX, Paths
from answerback.core.network.standing import Sign
from answerback.crypto.resumption import check_proof
from answerback.model.causes import Cause
from answerback.model.errors import TrustError
from answerback.model.ids import EnvelopeId
from answerback.model.message import Urgency
from answerback.model.paths import PathSeen
from answerback.wire.frames import (
    Acceptance,
    Accepted,
    Challenge,
    Deliver,
    Hello,
    Submit,
    TakeOver,
)
from tests.core.lone_engine import at, welcome
from tests.core.several_paths import (
    CELLULAR,
    HOME,
    OFFICE,
    RTT_S,
    STREET,
    TICKET,
    TWO,
    WIFI,
    Stand,
    moved_to,
    seen,
    with_two,
)

# ---- which there are


def test_without_a_look_there_is_one_path_without_a_name_and_nothing_stands_by() -> None:
    stand = Stand()
    stand.starts()
    stand.connects(ANY_PATH)
    stand.wakes(20.0)
    assert set(stand.paths.values()) == {ANY_PATH}
    assert stand.machines.paths.standby is None
    assert stand.machines.paths.seen == ()


def test_what_was_begun_before_the_first_look_belongs_to_the_path_the_system_prefers() -> None:
    stand = Stand()
    stand.starts()
    stand.sees(*TWO)
    assert stand.machines.paths.current.name == WIFI
    line = stand.connects(ANY_PATH)
    assert stand.machines.path.line == line
    assert stand.machines.path.network == HOME
    assert stand.connects(CELLULAR) in stand.paths


def test_a_first_look_that_finds_nothing_takes_nothing_away_and_the_next_path_is_used() -> None:
    stand = Stand()
    stand.sees()
    stand.starts()
    stand.wakes(5.0)
    assert stand.machines.path.verdict.sign is Sign.NO_INTERFACE
    stand.sees(seen(WIFI, HOME))
    stand.wakes(0.1)
    line = stand.connects(WIFI)
    assert (stand.machines.path.name, stand.in_use) == (WIFI, line)


def test_no_more_paths_are_remembered_than_a_device_has() -> None:
    paths = Paths()
    for number in range(10 * PATHS_MAX):
        paths.network_seen([seen(WIFI, HOME), seen(f"veth{number}")], now_s=float(number), draw=0.5)
    assert len(paths._by_name) <= PATHS_MAX + 2
    many = [seen(f"eth{number}") for number in range(2 * PATHS_MAX)]
    Paths().network_seen(many, now_s=0.0, draw=0.5)


def test_each_network_has_its_own_outages_and_another_network_begins_without_estimate() -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    stand.connects(WIFI)
    path = stand.machines.path
    at_home, home = path.estimate, path.recovery.outages
    assert at_home.measured
    stand.sees(seen(WIFI, OFFICE))
    assert path.network == OFFICE
    assert not path.estimate.measured
    assert path.recovery.outages is stand.machines.paths.outages.of(OFFICE)
    stand.sees(seen(WIFI, HOME))
    assert path.recovery.outages is home


def test_a_network_whose_name_comes_later_is_no_other_network() -> None:
    stand = Stand()
    stand.sees(seen(WIFI))
    stand.starts()
    line = stand.connects(WIFI)
    estimate = stand.machines.path.estimate
    stand.sees(seen(WIFI, HOME))
    assert stand.machines.path.estimate is estimate
    assert not stand.machines.path.is_doubted
    stand.wakes(1.0)
    assert line not in stand.closed
    assert len(stand.paths) == 1


@pytest.mark.parametrize(
    "after",
    [
        (seen(WIFI, OFFICE),),
        (seen(WIFI, HOME, address="192.0.2.2"),),
    ],
    ids=["another network", "another address"],
)
def test_a_path_that_leads_elsewhere_doubts_its_connection_at_once_and_begins_another(
    after: tuple[PathSeen, ...],
) -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    first = stand.connects(WIFI)
    stand.wakes(5.0)
    stand.silent.add(first)
    done = stand.sees(*after)
    assert any(isinstance(effect, Probe) for effect in done)
    assert stand.machines.path.is_doubted
    second = stand.connects(WIFI)
    assert stand.in_use == second
    assert first in stand.closed


# ---- one stands by


def test_a_second_path_gets_a_connection_that_says_it_stands_by() -> None:
    stand, first, second = with_two()
    (hello,) = stand.frames(second, Hello)
    assert hello.standby
    (in_use,) = stand.frames(first, Hello)
    assert not in_use.standby
    assert (stand.in_use, stand.machines.path.line) == (first, first)
    assert stand.machines.paths.standby is not None


def test_the_proof_of_a_ticket_covers_that_it_stands_by() -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    stand.connects(WIFI, ticket=TICKET)
    stand.sees(*TWO)
    stand.wakes(0.1)
    second = stand.newest(CELLULAR)
    stand.answered(second)
    resume = stand.going[second]
    assert resume is not None
    assert resume.standby
    check_proof(resume, secret=TICKET.secret)
    with pytest.raises(TrustError):
        check_proof(replace(resume, standby=False), secret=TICKET.secret)


def test_what_is_said_goes_on_the_connection_in_use_only() -> None:
    stand, first, second = with_two()
    stand.writes()
    assert stand.envelopes(first)
    assert not stand.envelopes(second)


def test_a_standby_that_ends_is_begun_again_and_nothing_else_happens() -> None:
    stand, first, second = with_two()
    stand.loses(second)
    stand.wakes(2.0)
    assert stand.newest(CELLULAR) != second
    third = stand.connects(CELLULAR)
    assert (stand.in_use, third in stand.going) == (first, True)
    assert stand.machines.paths.current.name == WIFI


# ---- the one in use fails


def owing(urgency: Urgency = Urgency.NORMAL) -> tuple[Stand, int, int, list[EnvelopeId]]:
    """Mail is on its way on the first path, and a question has no answer, when everything falls silent."""
    stand, first, second = with_two()
    stand.do(stand.engine.look_up(stand.device.bea.account, now=at(stand.now_s)))
    stand.writes(urgency)
    ids = stand.envelopes(first)
    assert ids
    stand.silent.add(first)
    return stand, first, second, ids


def test_when_the_path_in_use_stalls_the_standby_takes_over_and_all_that_was_on_its_way_goes_again() -> None:
    stand, first, second, ids = owing()
    asked = [type(frame) for on, frame in stand.said if on == first and hasattr(frame, "request")]
    stand.wakes(3.0)
    take_over = moved_to(stand, second)
    assert take_over.taken == stand.machines.inbox.taken
    assert take_over.life == stand.machines.life
    assert stand.envelopes(second) == ids, "each once, and what it was: the relay knows them by their ids"
    again = [type(frame) for on, frame in stand.said if on == second and hasattr(frame, "request")]
    assert set(again) <= set(asked)
    assert again, "what had no answer is asked again"
    assert first in stand.closed
    assert stand.machines.path.name == CELLULAR


def test_the_word_to_the_relay_comes_before_any_mail_on_the_standby() -> None:
    stand, _, second, _ = owing()
    stand.wakes(3.0)
    order = [type(frame) for on, frame in stand.said if on == second]
    assert order.index(TakeOver) < order.index(Submit)
    done = [effect for effect in stand.done if isinstance(effect, Use)]
    assert [effect.line for effect in done][-1] == second


def test_what_the_relay_accepted_before_the_move_does_not_go_again() -> None:
    stand, first, second, ids = owing()
    stand.wakes(RTT_S)
    stand.hears(first, Accepted([Acceptance(ids[0], 0, 0)]))
    stand.loses(first)
    moved_to(stand, second)
    assert stand.envelopes(second) == ids[1:]


def test_a_path_whose_connection_ends_is_left_at_once() -> None:
    stand, first, second, ids = owing()
    stand.loses(first)
    moved_to(stand, second)
    assert stand.envelopes(second) == ids


def test_a_path_that_vanishes_is_left_at_once() -> None:
    stand, first, second, ids = owing()
    stand.sees(seen(CELLULAR, STREET))
    moved_to(stand, second)
    assert stand.envelopes(second) == ids
    assert first in stand.closed


def test_mail_on_the_standby_means_that_the_relay_has_moved_by_itself() -> None:
    stand, first, second, ids = owing()
    done = stand.hears(second, Deliver([]))
    assert Use(second) in done
    assert not stand.frames(second, TakeOver), "it has"
    assert stand.envelopes(second) == ids
    assert (stand.machines.path.name, first in stand.closed) == (CELLULAR, True)


def test_a_standby_of_another_run_of_the_relay_is_not_taken_over_but_begun_anew() -> None:
    stand, first, second = with_two()
    stand.machines.boot = b"another"
    stand.loses(first)
    assert second in stand.closed
    assert not stand.frames(second, TakeOver)
    stand.wakes(0.1)
    third = stand.connects(CELLULAR)
    (hello,) = stand.frames(third, Hello)
    assert not hello.standby
    assert stand.in_use == third


def test_a_hello_that_said_standby_before_the_path_became_the_one_in_use_is_corrected() -> None:
    stand = Stand()
    stand.sees(*TWO)
    stand.starts()
    first = stand.connects(WIFI)
    second = stand.newest(CELLULAR)
    stand.answered(second)
    stand.opened(second)
    stand.hears(second, Challenge(b"n" * 32, b"relay", 0))
    assert stand.frames(second, Hello)[0].standby
    stand.loses(first)
    stand.hears(second, welcome())
    assert stand.in_use == second
    assert stand.frames(second, TakeOver), "the relay holds it for a standby, and would hand nothing over"


def test_a_hello_that_said_standby_is_corrected_where_the_path_in_use_vanished_before_its_welcome() -> None:
    stand = Stand()
    stand.sees(*TWO)
    stand.starts()
    first = stand.connects(WIFI)
    second = stand.newest(CELLULAR)
    stand.answered(second)
    stand.opened(second)
    stand.hears(second, Challenge(b"n" * 32, b"relay", 0))
    stand.sees(seen(CELLULAR, STREET))
    stand.loses(first, Cause.NETWORK_NO_PATH)
    assert stand.machines.path.name == CELLULAR
    stand.hears(second, welcome())
    assert stand.in_use == second
    (said,) = stand.frames(second, TakeOver)
    assert said == TakeOver(stand.machines.inbox.taken, stand.machines.life)


def test_without_a_standby_the_other_path_is_begun_at_once() -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    first = stand.connects(WIFI)
    stand.sees(*TWO)
    stand.loses(first)
    stand.wakes(0.5)
    second = stand.connects(CELLULAR)
    assert stand.in_use == second
    assert stand.machines.path.name == CELLULAR


def test_the_last_path_that_vanishes_is_asked_again_when_it_comes_back() -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    first = stand.connects(WIFI)
    stand.sees()
    stand.loses(first, Cause.NETWORK_NO_PATH)
    before = len(stand.paths)
    stand.wakes(30.0)
    assert len(stand.paths) == before, "without an interface nobody asks"
    stand.sees(seen(WIFI, HOME))
    assert len(stand.paths) == before + 1
    assert stand.connects(WIFI) == stand.in_use
