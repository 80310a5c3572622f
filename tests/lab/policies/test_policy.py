"""Proves that TCP alone does nothing by itself, and goes on with a connection that is answered."""

from answerback.lab.policies.policy import PassiveTcp, Proceed


def test_passive_tcp_asks_for_nothing_whatever_it_is_told() -> None:
    policy = PassiveTcp()
    done = [
        *policy.begin(rtt_s=0.1, now_s=1.0),
        *policy.heard(is_progress=True, now_s=2.0),
        *policy.owes(owed=True, now_s=3.0),
        *policy.welcomed(1, now_s=4.0),
        *policy.answered(now_s=5.0),
        *policy.announced(now_s=6.0),
        *policy.called(now_s=7.0),
        *policy.wake(now_s=8.0),
    ]
    assert done == []
    assert policy.wake_at_s is None


def test_a_connection_that_is_answered_is_set_up() -> None:
    assert PassiveTcp().opened(3, now_s=1.0) == [Proceed(3)]
