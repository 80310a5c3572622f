"""The relay on real sockets and a real disk."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from answerback.relay.app import RelayNode
from answerback.wire.frames import Accepted, Deliver, Submit
from tests.relay.client import at_home
from tests.relay.residents import envelope, move_in, residents


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def test_a_message_goes_from_one_device_to_another(tmp_path: Path) -> None:
    async def story() -> None:
        ann, ben = people = residents(2)
        node = RelayNode(tmp_path)
        await node.start("127.0.0.1", 0)
        await node.group.call(lambda: move_in(node.database, people))
        async with at_home(node.port, ann) as anns, at_home(node.port, ben) as bens:
            letter = envelope(ben, "hello")
            await anns.say(Submit([letter]))
            accepted = await anns.hear_a(Accepted)
            assert [(entry.id, entry.away_s) for entry in accepted.entries] == [(letter.id, 0)]
            delivered = await bens.hear_a(Deliver)
            assert [entry.sealed for entry in delivered.entries] == [letter.sealed]
        await node.stop()

    run(story())
