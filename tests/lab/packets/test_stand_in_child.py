"""The far end of a rival says everything again on the newest connection, until it is answered."""

import asyncio

import pytest

from answerback.lab.packets import stand_in_child
from answerback.lab.packets.rivals import as_bytes, from_bytes
from answerback.lab.packets.stand_in_child import StandIn


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    found: list[object] = []
    monkeypatch.setattr(
        stand_in_child, "say", lambda event, **more: found.append(more["name"]) if event == "arrived" else None
    )
    return found


def test_messages_wait_for_a_connection_and_the_newest_gets_them(arrived: list[object]) -> None:
    async def story() -> None:
        stand_in = StandIn()
        server = await asyncio.start_server(stand_in.receive, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        stand_in.send("down-0")
        for turn in range(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(as_bytes({"hello": True}))
            assert from_bytes(await reader.readline())["message"] == "down-0"
            if turn == 1:
                writer.write(as_bytes({"answered": "down-0"}))
                stand_in.send("down-1")
                assert from_bytes(await reader.readline())["message"] == "down-1"
            writer.write(as_bytes({"message": "up-0"}))
            assert from_bytes(await reader.readline()) == {"answered": "up-0"}
            writer.close()
            await writer.wait_closed()
        server.close()

    asyncio.run(story())
    assert arrived == ["up-0"]
