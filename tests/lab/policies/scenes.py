"""Plants outages of known lengths on a plain link, for all policies alike."""

from answerback.lab.links import Link
from answerback.lab.policies.path import Gap
from answerback.lab.policies.session import Setup
from answerback.lab.policies.trial import Case, Role
from answerback.lab.schedule import Outage, Piece, Rates

RATES = Rates((Piece(10_000.0, 2e6),))
PLAIN = Link("plain", "2 Mbit/s, 30 ms each way", RATES, RATES, delay_s=0.03)


def hole(
    length_s: float,
    role: Role = Role.WRITES,
    *,
    link: Link = PLAIN,
    is_announced: bool = False,
    is_called: bool = False,
) -> Case:
    """A black hole that begins at 20 s."""
    outage = Outage(20.0, 20.0 + length_s)
    return Case(
        link,
        outage,
        role,
        Gap.DROPPED,
        outage,
        is_announced=is_announced,
        is_called=is_called,
        setup=Setup.TICKET,
    )
