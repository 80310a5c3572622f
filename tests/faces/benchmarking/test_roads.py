"""Proves that a sealed road carries what an agent would, and a bare one bytes of just that size."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.faces.benchmarking.roads import POST_LANE, RECEIPT_LANE, Road, roads, sealed_bytes
from answerback.faces.benchmarking.town import Resident, settle


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Resident]:
    folder: Path = tmp_path_factory.mktemp("town")
    return settle(folder, count=2).residents


@pytest.fixture(scope="module", params=[False, True], ids=["bare", "sealed"])
def laid(request: pytest.FixtureRequest, two: list[Resident]) -> tuple[Road, Road]:
    return roads(two[0], two[1], sealed=bool(request.param))


def test_messages_arrive_as_the_numbers_they_were(laid: tuple[Road, Road]) -> None:
    there, _ = laid
    packed = [there.pack([number]) for number in (0, 1, 2, 2**40)]
    assert [there.unpack(envelope.sealed) for envelope in packed] == [[0], [1], [2], [2**40]]
    assert len({envelope.id for envelope in packed}) == 4


def test_one_receipt_answers_for_many(laid: tuple[Road, Road]) -> None:
    _, back = laid
    assert back.unpack(back.pack(list(range(40))).sealed) == list(range(40))


def test_each_goes_to_its_reader_in_its_lane(laid: tuple[Road, Road], two: list[Resident]) -> None:
    there, back = laid
    assert (there.pack([1]).device, there.pack([1]).lane) == (two[1].device, POST_LANE)
    assert (back.pack([1]).device, back.pack([1]).lane) == (two[0].device, RECEIPT_LANE)


@given(count=st.integers(1, 64))
def test_a_bare_receipt_is_as_long_as_a_sealed_one(count: int) -> None:
    bare, sealed = _both()
    numbers = list(range(count))
    assert len(bare[1].pack(numbers).sealed) == len(sealed[1].pack(numbers).sealed) == sealed_bytes(RECEIPT_LANE, count)
    assert len(bare[0].pack([count]).sealed) == len(sealed[0].pack([count]).sealed) == sealed_bytes(POST_LANE, 1)


_LAID: list[tuple[tuple[Road, Road], tuple[Road, Road]]] = []


@pytest.fixture(autouse=True, scope="module")
def _lay(two: list[Resident]) -> None:
    _LAID.append((roads(two[0], two[1], sealed=False), roads(two[0], two[1], sealed=True)))


def _both() -> tuple[tuple[Road, Road], tuple[Road, Road]]:
    return _LAID[-1]
