"""Proves that every road has every verb of its port, and that doubt and its absence are told apart."""

from answerback.transport.carriers.roads import Road, RoadClosed, RoadRefused, RoadUnsent
from answerback.transport.carriers.smpp import SmppRoad


def test_every_road_has_every_verb() -> None:
    verbs = {name for name in vars(Road) if not name.startswith("_")}
    assert verbs == {"can_ask", "submit", "ask", "events", "close"}
    for road in (SmppRoad,):
        assert verbs <= set(vars(road))


def test_who_hears_of_the_end_hears_of_its_kinds() -> None:
    assert issubclass(RoadUnsent, RoadClosed)
    assert issubclass(RoadRefused, RoadClosed)
