"""The weather loses as much as it says, in bursts where it says so, and one chance leaves the others alone."""

import pytest

from answerback.lab.links import generate_link
from answerback.lab.packets.weather import Burst, Draws, Weather, weather_of
from answerback.model.errors import UsageError

MANY = 20_000


def lost(weather: Weather, *, seed: int = 1, way: str = "up", count: int = MANY) -> list[bool]:
    draws = Draws(seed=seed, way=way)
    return [draws.is_lost(weather) for _ in range(count)]


def runs_of(marks: list[bool]) -> list[int]:
    runs, length = [], 0
    for mark in [*marks, False]:
        if mark:
            length += 1
        elif length:
            runs.append(length)
            length = 0
    return runs


@pytest.mark.parametrize("loss", [0.01, 0.2])
def test_single_losses_are_as_frequent_as_the_weather_says_and_come_alone(loss: float) -> None:
    marks = lost(Weather(loss=loss))
    assert sum(marks) / MANY == pytest.approx(loss, rel=0.15)
    runs = runs_of(marks)
    assert sum(runs) / len(runs) == pytest.approx(1 / (1 - loss), rel=0.1)


def test_bursts_are_as_long_and_as_frequent_as_the_weather_says() -> None:
    marks = lost(Weather(burst=Burst(begin=0.01, end=0.2)))
    runs = runs_of(marks)
    assert sum(runs) / len(runs) == pytest.approx(1 / 0.2, rel=0.2)
    assert sum(marks) / MANY == pytest.approx(0.01 / (0.01 + 0.2), rel=0.2)


def test_a_bad_state_may_lose_only_some() -> None:
    every, half = (sum(lost(Weather(burst=Burst(begin=0.05, end=0.1, loss=share)))) for share in (1.0, 0.5))
    assert half / every == pytest.approx(0.5, rel=0.15)


def test_the_same_seed_makes_the_same_weather_and_another_seed_or_way_another() -> None:
    stormy = Weather(loss=0.3, burst=Burst(begin=0.1, end=0.3))
    assert lost(stormy, count=200) == lost(stormy, count=200)
    assert lost(stormy, count=200) != lost(stormy, count=200, seed=2)
    assert lost(stormy, count=200) != lost(stormy, count=200, way="down")


def test_one_kind_of_chance_leaves_the_others_as_they_were() -> None:
    alone, with_others = Draws(seed=1, way="up"), Draws(seed=1, way="up")
    plain, rough = Weather(loss=0.3), Weather(loss=0.3, jitter_s=0.1, reorder=0.5, reorder_by_s=0.1)
    seen = []
    for _ in range(200):
        with_others.jitter_s(rough)
        with_others.is_held_up(rough)
        seen.append((alone.is_lost(plain), with_others.is_lost(rough)))
    assert all(first == second for first, second in seen)


def test_jitter_stays_within_its_bound_and_fine_weather_has_none() -> None:
    draws = Draws(seed=1, way="up")
    late_s = [draws.jitter_s(Weather(jitter_s=0.05)) for _ in range(1000)]
    assert 0 <= min(late_s) < 0.005
    assert 0.045 < max(late_s) <= 0.05
    assert not draws.is_lost(Weather())
    assert draws.jitter_s(Weather()) == 0.0
    assert not draws.is_held_up(Weather())


def test_a_link_tells_its_own_weather() -> None:
    train = generate_link("train", seed=3)
    weather = weather_of(train, queue_bytes_max=9000)
    assert weather.loss == train.loss
    assert weather.queue_bytes_max == 9000
    assert weather.delay_at is not None
    assert weather.delay_at(7.25) == train.delay_at(7.25)


@pytest.mark.parametrize(
    "made",
    [
        lambda: Weather(loss=1.5),
        lambda: Weather(burst=Burst(begin=0.1, end=-0.1)),
        lambda: Weather(delay_s=-0.1),
        lambda: Weather(queue_bytes_max=0),
    ],
)
def test_impossible_weather_is_refused(made: object) -> None:
    assert callable(made)
    with pytest.raises(UsageError):
        made()
