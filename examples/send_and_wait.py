"""Sends one urgent message, waits until every device has answered back, and says what became of it.

python examples/send_and_wait.py HOME bea@example.org "the well is dry"
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from answerback import Client, Timeline, Urgency


def told(timeline: Timeline) -> str:
    """Say how far each copy is, and why it is no further."""
    lines = [timeline.stage.name.lower()]
    for copy in timeline.copies:
        why = f", waiting: {copy.wait.cause.value} ({copy.wait.cause.owner.value})" if copy.wait else ""
        lines.append(f"  {copy.device_name}: {copy.stage.name.lower()}{why}")
    return "\n".join(lines)


async def main(home: Path, handle: str, text: str) -> int:
    """Return 0 when it is delivered, 3 while it is still under way, 4 when nothing more will be tried."""
    async with Client.open(home) as me:
        sent = await me.send(handle, text=text, urgency=Urgency.URGENT)
        with contextlib.suppress(TimeoutError):
            await sent.delivered(timeout_s=20)
        timeline = me.timeline(sent.id)
    assert timeline is not None
    print(told(timeline))
    return 0 if timeline.stage.answered else 4 if timeline.stage.final else 3


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
