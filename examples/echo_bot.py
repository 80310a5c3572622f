"""Answers every message with its own text, until it is stopped.

answerback --home echo register LINK echo@example.org      once, to give the bot an account
python examples/echo_bot.py echo
"""

import asyncio
import sys
from pathlib import Path

from answerback import Client


async def main(home: Path) -> None:
    """Run the bot that lives in this folder."""
    async with Client.open(home) as me:
        async for message in me.received():
            await me.reply(message, text=message.text)
            me.read([message])


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
