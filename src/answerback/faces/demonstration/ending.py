"""Says what came of a performance, truthfully: as JSON, and in plain words."""

from dataclasses import asdict, dataclass
from typing import Any

from answerback.faces.demonstration.counting import Count
from answerback.faces.demonstration.plan import Plan, Playing
from answerback.lab.shaper import Stats

DEVICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """All that is known when the performance is over."""

    plan: Plan
    playing: Playing
    count: Count
    complete: bool
    """Every answer was there before patience ended."""
    file_bytes: int
    file_ok: bool
    link: Stats
    relay_kills: int
    reconnects: int
    wasted_attempts: int
    duration_s: float

    @property
    def longest_outage_s(self) -> float:
        """The longest silence that was played, in the link's own time."""
        return self.playing.longest_outage_s(until_s=self.link.at_s)

    @property
    def good(self) -> bool:
        """Everything that was to be sent is everywhere, once and in order."""
        count = self.count
        wrong = count.lost or count.duplicated or count.out_of_order
        return count.sent == self.plan.messages and not wrong and self.file_ok


def as_json(ending: Ending) -> dict[str, Any]:
    """Write the stable keys that docs/demo.md lists."""
    count, link = ending.count, ending.link
    return {
        "sent": count.sent,
        "delivered": count.delivered,
        "lost": count.lost,
        "duplicated": count.duplicated,
        "out_of_order": count.out_of_order,
        "deliver_ms": asdict(count.deliver_ms),
        "link": ending.playing.link.name,
        "seed": ending.plan.seed,
        "ok": ending.good,
        "messages": ending.plan.messages,
        "devices": DEVICES,
        "urgent": {"count": count.urgent, **asdict(count.urgent_ms)},
        "file": {"bytes": ending.file_bytes, "ok": ending.file_ok},
        "speed": ending.playing.speed,
        "from_s": ending.playing.from_s,
        "longest_outage_s": round(ending.longest_outage_s, 1),
        "outages": link.outages,
        "resets": link.resets,
        "stalls": link.stalls,
        "relay_kills": ending.relay_kills,
        "reconnects": ending.reconnects,
        "wasted_attempts": ending.wasted_attempts,
        "resent_copies": count.resent_copies,
        "answered": ending.complete,
        "duration_s": round(ending.duration_s, 1),
    }


def headline(ending: Ending) -> str:
    """The verdict in a line."""
    return "Nothing lost, nothing twice, everything in order." if ending.good else "Not everything went as promised."


def in_words(ending: Ending) -> list[tuple[str, str]]:
    """Say it to a person: a word for each line, and the line."""
    told = [
        ("Messages", _messages(ending)),
        ("Time", _times(ending.count)),
        ("Photograph", _file(ending)),
        ("Hardship", _hardship(ending)),
        ("Mended by", _mended(ending)),
        ("Real", "relay, encryption, journals and all three devices"),
        ("Emulated", _emulated(ending)),
    ]
    if not ending.complete:
        patience = (
            f"ended {ending.plan.patience_s:.0f} s after the last line was due; what is missing was still promised"
        )
        told.insert(1, ("Patience", patience))
    return told


def _messages(ending: Ending) -> str:
    count, asked = ending.count, ending.plan.messages
    sent = f"{count.sent} sent" if count.sent == asked else f"only {count.sent} of {asked} sent"
    return (
        f"{sent}, {count.delivered} on every device; "
        f"{count.lost} lost, {count.duplicated} twice, {count.out_of_order} out of order"
    )


def _times(count: Count) -> str:
    spread = count.deliver_ms
    said = f"half within {_span(spread.p50)}, 99 in 100 within {_span(spread.p99)}, the longest {_span(spread.max)}"
    return said + (f"; urgent ones half within {_span(count.urgent_ms.p50)}" if count.urgent else "")


def _file(ending: Ending) -> str:
    size = f"{ending.file_bytes / 1000:.0f} KB"
    if ending.file_ok:
        return f"{size}, the same to the last bit on both of Bea's devices"
    return f"{size}, NOT whole on both of Bea's devices"


def _hardship(ending: Ending) -> str:
    link = ending.link
    parts = []
    if link.outages:
        longest_s = ending.longest_outage_s / ending.playing.speed
        parts.append(f"{_counted(link.outages, 'outage')} ({'' if link.outages == 1 else 'up to '}{longest_s:.1f} s)")
    if link.resets:
        parts.append(_counted(link.resets, "reset"))
    if link.stalls:
        parts.append(f"{_counted(link.stalls, 'stall')} for lost packets")
    if ending.relay_kills:
        parts.append(f"relay killed {_counted(ending.relay_kills, 'time')}")
    return ", ".join(parts) or "none: the link was good throughout"


def _mended(ending: Ending) -> str:
    attempts = _counted(ending.wasted_attempts, "attempt")
    again = _counted(ending.count.resent_copies, "copy", "copies")
    return f"{_counted(ending.reconnects, 'reconnection')} ({attempts} in vain), {again} sent again"


def _emulated(ending: Ending) -> str:
    playing = ending.playing
    description = playing.link.description.rstrip(".")
    said = f"Ada's link. {description}"
    if playing.said:
        said += f"; {playing.said}. Times above are of your clock"
    return said


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _span(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004 - a second
