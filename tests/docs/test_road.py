"""The page about a message's way names the files in the order in which a real message visits them."""

import asyncio
import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.docs.travel import Visit, travel
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "how-a-message-travels.md").read_text(encoding="utf-8")
SECTIONS = {
    "The sender's device": "sender",
    "The relay": "relay",
    "The reader's device": "reader",
    "Back at the sender": "sender",
}


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the page has a section {title!r}"
    return found[1]


def told() -> list[Visit]:
    """The numbered steps of the page: whose file, and which."""
    return [
        (whose, path)
        for title, whose in SECTIONS.items()
        for path in re.findall(r"^\d+\. `([a-z_/]+\.py)`", section(title), re.MULTILINE)
    ]


def aside() -> set[str]:
    """The files that the page says are visited in no order worth learning."""
    return set(re.findall(r"`([a-z_/]+\.py)`", section("Used on the way")))


def faults(road: list[Visit], visited: list[Visit], *, used: set[str]) -> list[str]:
    """Where the road differs from what was visited: missing, out of order, or not told of."""
    place = {visit: index for index, visit in enumerate(visited)}
    missing = [f"{whose} never visits {path}" for whose, path in road if (whose, path) not in place]
    seen = [visit for visit in road if visit in place]
    turned = [f"{b} is visited before {a}" for a, b in pairwise(seen) if place[a] > place[b]]
    on_road = set(road)
    untold = [
        f"{whose} visits {path}, which is not told of"
        for whose, path in visited
        if (whose, path) not in on_road and path not in used
    ]
    return missing + turned + untold


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> list[Visit]:
    return asyncio.run(travel(Path(tmp_path_factory.mktemp("road"))))


def test_a_message_visits_the_files_in_the_order_of_the_page(visited: list[Visit]) -> None:
    found = faults(told(), visited, used=aside())
    assert not found, "\n".join(found)


def test_the_steps_are_numbered_through() -> None:
    numbers = re.findall(r"^(\d+)\. ", PAGE, re.MULTILINE)
    assert numbers == [str(index + 1) for index in range(len(told()))]


def test_a_road_that_is_not_so_is_found(visited: list[Visit]) -> None:
    road, used = told(), aside()
    swapped = [road[1], road[0], *road[2:]]
    assert faults(swapped, visited, used=used) == [
        "('sender', 'device/client.py') is visited before ('sender', 'device/agent.py')"
    ]
    assert faults([*road, ("relay", "core/outbox.py")], visited, used=used) == ["relay never visits core/outbox.py"]
    shortened = [visit for visit in road if visit != ("reader", "core/inbox.py")]
    assert faults(shortened, visited, used=used) == ["reader visits core/inbox.py, which is not told of"]
