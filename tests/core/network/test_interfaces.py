"""Proves that two looks at the network are told apart by what matters, and by nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.interfaces import ANY_PATH, Difference, PathSeen, changes
from answerback.model.paths import NETWORK_BYTES

HOME, CAFE = b"home" * 2, b"cafe" * 2
WIFI = PathSeen("wlan0", HOME, is_metered=False, has_ipv4=True, has_ipv6=False, addresses=frozenset({"10.0.0.2"}))

paths = st.builds(
    PathSeen,
    name=st.sampled_from(["wlan0", "wwan0", "eth0", ANY_PATH]),
    network=st.sampled_from([b"", HOME, CAFE]),
    is_metered=st.booleans(),
    has_ipv4=st.booleans(),
    has_ipv6=st.booleans(),
    addresses=st.frozensets(st.sampled_from(["10.0.0.2", "10.0.0.3", "fd00::2"])),
    arrivals=st.integers(0, 2),
)
looks = st.lists(paths, max_size=4, unique_by=lambda path: path.name)


def told(old: PathSeen, new: PathSeen) -> set[Difference]:
    return {difference for change in changes([old], [new]) for difference in change.differences}


@given(looks, looks)
def test_each_path_is_told_of_at_most_once_and_only_if_something_is_different(
    before: list[PathSeen], after: list[PathSeen]
) -> None:
    told = changes(before, after)
    names = [change.name for change in told]
    assert len(names) == len(set(names))
    old, new = {path.name: path for path in before}, {path.name: path for path in after}
    assert set(names) == {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} - {
        name
        for name in old.keys() & new.keys()
        if old[name].network and replace(old[name], network=b"") == new[name]  # only its name was forgotten
    }


@given(looks)
def test_a_look_like_the_last_one_says_nothing(look: list[PathSeen]) -> None:
    assert changes(look, look) == changes(look, reversed(look)) == ()


@given(looks, looks)
def test_what_came_one_way_went_the_other(before: list[PathSeen], after: list[PathSeen]) -> None:
    def named(difference: Difference, old: list[PathSeen], new: list[PathSeen]) -> set[str]:
        return {change.name for change in changes(old, new) if difference in change.differences}

    assert named(Difference.CAME, before, after) == named(Difference.WENT, after, before)
    assert named(Difference.MOVED, before, after) == named(Difference.MOVED, after, before)


@given(looks, looks)
def test_a_path_that_can_be_tried_is_there(before: list[PathSeen], after: list[PathSeen]) -> None:
    there = {path.name for path in after}
    assert {change.name for change in changes(before, after) if change.is_awakening} <= there


def test_a_network_that_gets_its_name_is_not_another_network() -> None:
    assert told(replace(WIFI, network=b""), WIFI) == {Difference.NAMED}
    assert told(WIFI, replace(WIFI, network=b"")) == set()
    assert told(WIFI, replace(WIFI, network=CAFE)) == {Difference.MOVED}


def test_a_line_ends_with_its_address_and_not_when_another_comes() -> None:
    more = replace(WIFI, addresses=WIFI.addresses | {"10.0.0.9"})
    assert told(WIFI, more) == {Difference.WIDENED}
    assert told(more, WIFI) == {Difference.READDRESSED}
    (change,) = changes([more], [WIFI])
    assert change.is_ending
    assert change.is_awakening
    (change,) = changes([WIFI], [more])
    assert not change.is_ending


def test_a_carrier_that_went_and_came_between_two_looks_is_worth_an_attempt() -> None:
    (change,) = changes([WIFI], [replace(WIFI, arrivals=1)])
    assert change.differences == {Difference.RECONNECTED}
    assert change.is_awakening
    assert not change.is_ending


def test_a_family_more_awakens_and_a_family_less_does_not() -> None:
    both = replace(WIFI, has_ipv6=True)
    assert told(WIFI, both) == {Difference.WIDENED}
    (change,) = changes([both], [WIFI])
    assert change.differences == {Difference.NARROWED}
    assert not change.is_awakening


def test_a_price_is_news_but_no_reason_to_try() -> None:
    (change,) = changes([WIFI], [replace(WIFI, is_metered=True)])
    assert change.differences == {Difference.PRICED}
    assert not change.is_awakening
    assert len(HOME) == NETWORK_BYTES
