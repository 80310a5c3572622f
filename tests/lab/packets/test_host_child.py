"""In a captive network plain HTTP to anybody is answered by the portal, and its own page is a page."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

from answerback.lab.packets.stage import Place
from tests.lab.packets.conftest import Net


def fetch(side: socket.socket, host: str) -> bytes:
    with side:
        side.connect((host, 80))
        side.sendall(f"GET /generate_204 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = b""
        while more := side.recv(4096):
            answer += more
    return answer


def test_a_portal_answers_for_everybody_while_the_network_is_captive(
    on_net: Callable[..., None], tmp_path: Path
) -> None:
    async def story(net: Net) -> None:
        host = await net.stage.start(
            Place.FAR, "host_child", str(tmp_path), net.stage.far_host, str(net.stage.far_port), hear=None
        )
        ready = await host.heard("ready")
        assert (ready["port"], len(ready["pin"])) == (7443, 64)
        await net.stage.begin()
        async with asyncio.timeout(10):
            while not net.stage.happened:  # noqa: ASYNC110 - another process says it
                await asyncio.sleep(0.01)
        away = await asyncio.to_thread(fetch, net.near(kind=socket.SOCK_STREAM), "192.0.2.55")
        assert away.startswith(b"HTTP/1.1 302 Found\r\nLocation: http://10.72.0.2/\r\n")
        page = await asyncio.to_thread(fetch, net.near(kind=socket.SOCK_STREAM), "10.72.0.2")
        assert page.startswith(b"HTTP/1.1 200 OK")
        assert b"Sign in" in page

    on_net(story, "captive-portal", outage_s=20.0)
