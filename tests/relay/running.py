"""A relay as a process of its own, to be killed: prints its port, then serves until it ends."""

import asyncio
import sys
from pathlib import Path

from answerback.relay.app import RelayNode


async def main() -> None:
    node = RelayNode(Path(sys.argv[1]))
    await node.start("127.0.0.1", 0)
    print(node.port, flush=True)
    await node.broken


if __name__ == "__main__":
    asyncio.run(main())
