"""A subscription is what a push service gives, has a name both sides know, and is refused if it is anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import PeerError
from answerback.wire.frames import Subscribe
from answerback.wire.subscriptions import AUTH_BYTES, KEY_BYTES, NAME_BYTES, check_subscription, subscription_name

ENDPOINT = "https://push.example/v1/abc?x=1"
KEY, AUTH = b"\x04" + bytes(KEY_BYTES - 1), bytes(AUTH_BYTES)


@pytest.mark.parametrize("subscription", [Subscribe(ENDPOINT, KEY, AUTH), Subscribe(ENDPOINT), Subscribe("", b"", b"")])
def test_sealed_plain_and_none_are_subscriptions(subscription: Subscribe) -> None:
    check_subscription(subscription)


@pytest.mark.parametrize(
    "subscription",
    [
        Subscribe("http://push.example/abc", KEY, AUTH),
        Subscribe("https://push.example/a b", KEY, AUTH),
        Subscribe("https://push.example/\n", KEY, AUTH),
        Subscribe("https://püsh.example/", KEY, AUTH),
        Subscribe("file:///etc/passwd"),
        Subscribe("", KEY, AUTH),
        Subscribe(ENDPOINT, KEY, b""),
        Subscribe(ENDPOINT, b"", AUTH),
        Subscribe(ENDPOINT, KEY[:-1], AUTH),
        Subscribe(ENDPOINT, b"\x02" + KEY[1:], AUTH),
    ],
)
def test_what_no_push_service_gives_is_refused(subscription: Subscribe) -> None:
    with pytest.raises(PeerError):
        check_subscription(subscription)


def test_a_subscription_says_nothing_of_where_when_it_is_written_down() -> None:
    assert "abc" not in repr(Subscribe(ENDPOINT, KEY, AUTH))


_ANY = st.builds(Subscribe, st.text("abc:/", min_size=1, max_size=4), st.binary(max_size=3), st.binary(max_size=3))


@given(_ANY, _ANY)
def test_different_subscriptions_have_different_names(one: Subscribe, other: Subscribe) -> None:
    assert (subscription_name(one) == subscription_name(other)) == (one == other)
    assert len(subscription_name(one)) == NAME_BYTES


def test_no_subscription_has_no_name() -> None:
    assert subscription_name(Subscribe("")) == b""
