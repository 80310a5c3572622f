"""Rivals lose and double nothing, whatever their connections do, and wait as their names say."""

from random import Random

from answerback.lab.packets.rivals import HABITS, Exchange, as_bytes, from_bytes


def both() -> tuple[Exchange, Exchange, list[str]]:
    arrived: list[str] = []
    return Exchange(arrived.append), Exchange(arrived.append), arrived


def test_a_message_is_said_again_until_it_is_answered_and_shown_once() -> None:
    near, far, arrived = both()
    line = near.write("up-0")
    answer = far.hear(from_bytes(as_bytes(line)))
    assert answer is not None
    assert near.reconnected() == [line], "the answer was lost with its connection"
    assert far.hear(line) == answer
    near.hear(answer)
    assert near.reconnected() == []
    assert arrived == ["up-0"]


def test_a_file_goes_on_behind_its_last_answered_piece() -> None:
    near, far, arrived = both()
    assert near.next_piece() is None
    near.write_file("file", 100_000)
    first, second = near.next_piece(), near.next_piece()
    assert first is not None
    assert second is not None
    answer = far.hear(first)
    assert answer is not None
    near.hear(answer)
    near.reconnected()
    assert near.next_piece() == second
    assert far.hear(first) == answer, "an old piece again moves nothing"
    far.hear(second)
    while (piece := near.next_piece()) is not None:
        far.hear(piece)
    assert arrived == ["file"]


def test_a_piece_out_of_its_turn_is_asked_for_again() -> None:
    near, far, arrived = both()
    near.write_file("file", 100_000)
    pieces = [near.next_piece() for _ in range(4)]
    assert pieces[3] is not None
    assert far.hear(pieces[3]) == {"pieces": 0}
    assert arrived == []


def test_a_ping_is_answered_and_an_unknown_line_is_not() -> None:
    near, _, _ = both()
    assert near.hear({"ping": 3}) == {"pong": 3}
    assert near.hear({"hello": True}) is None


def test_each_rival_waits_as_its_name_says() -> None:
    random = Random(1)
    assert [HABITS["fixed-30s"].wait_s(failures, random) for failures in (0, 1, 9)] == [0.0, 30.0, 30.0]
    assert HABITS["passive-tcp"].wait_s(0, random) == 0.0
    assert HABITS["oracle"].wait_s(1, random) is None
    waits = {n: [HABITS["backoff-jitter"].wait_s(n, random) or 0.0 for _ in range(500)] for n in (0, 3, 20)}
    assert 0.9 < max(waits[0]) <= 1.0
    assert 7.0 < max(waits[3]) <= 8.0
    assert 55.0 < max(waits[20]) <= 60.0
    assert min(waits[20]) < 2.0
