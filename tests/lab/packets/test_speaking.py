"""A child hears its orders in order, and the end of them."""

import subprocess
import sys

import pytest

from answerback.lab.packets.speaking import HERE, enter_place

STORY = """
import asyncio
from answerback.lab.packets.speaking import Orders, say

async def main():
    orders = Orders()
    while (order := await orders.next()) is not None:
        say("heard", order=order["do"])
    say("over")

asyncio.run(main())
"""


def test_orders_are_heard_one_by_one_to_their_end() -> None:
    told = subprocess.run(
        [sys.executable, "-c", STORY], input=b'{"do":"a"}\n{"do":"b"}\n', capture_output=True, check=True
    )
    assert told.stdout.splitlines() == [
        b'{"event":"heard","order":"a"}',
        b'{"event":"heard","order":"b"}',
        b'{"event":"over"}',
    ]


def test_whoever_is_here_already_goes_nowhere() -> None:
    enter_place(HERE)
    with pytest.raises(ValueError, match="here"):
        enter_place("here")
