"""Proves that no log shows what a text says or whom it is for."""

from answerback.model.handle import parse_handle
from answerback.model.texts import TextArrived, TextOrder

ANN = parse_handle("+49301234567")


def test_an_order_shows_its_number_only() -> None:
    assert repr(TextOrder(7, ANN, "we meet at eight")) == "TextOrder(7)"


def test_an_arrival_shows_its_carrier_only() -> None:
    assert repr(TextArrived(ANN, "at nine", "smpp", b"\x01\x02")) == "TextArrived(carrier='smpp', id=0102)"
