"""Draws what can be seen of a performance: the link, the devices, and each message on its way.

Everything is told by signs and words; colour only says it again. Widths are counted in terminal cells.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from answerback.core.effects import Reason
from answerback.faces.demonstration.scene import Actor
from answerback.faces.demonstration.signs import ASCII, UNICODE, Signs
from answerback.faces.demonstration.view import Row, Sample, View
from answerback.faces.sentences import CAUSES
from answerback.lab.links import Signal
from answerback.model.causes import Cause
from answerback.model.timeline import Stage

WIDTH_MAX = 100
HEIGHT_REST = 16
"""Lines that are not messages."""
ROWS_MIN, ROWS_MAX = 4, 14
NARROW = 72
"""Below this many columns the track of stages gives its room to the words."""
RATE_LOW_BPS, RATE_HIGH_BPS = 20e3, 20e6
"""What the lowest and the highest bar of the strip stand for; between them it goes by powers, as reception is felt."""
STAGES: Final = (Stage.QUEUED, Stage.SEALED, Stage.SENT, Stage.ACCEPTED, Stage.DELIVERED)
QUIET, GOOD, BAD, WARM, STRONG = "dim", "green", "red", "yellow", "bold"


class Drawing:
    """One picture of the moment, for any width and height."""

    def __init__(self, view: View) -> None:
        self._view: Final = view

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it line by line, so that nothing wraps and nothing jumps."""
        width = min(options.max_width, WIDTH_MAX)
        height = options.height or console.height
        signs = UNICODE if console.encoding.lower().startswith("utf") else ASCII
        yield from draw(self._view, width=width, height=height, signs=signs)


def draw(view: View, *, width: int, height: int, signs: Signs) -> Iterable[Text]:
    """Draw all lines."""
    room = max(ROWS_MIN, min(ROWS_MAX, height - HEIGHT_REST))
    yield _ends(Text("answerback demo", STRONG), Text(_clock(view), QUIET), width)
    yield Text()
    yield _link_line(view, width, signs)
    yield strip(list(view.samples), width, signs)
    yield Text()
    for number, actor in zip(signs.numbers, view.scene.actors, strict=True):
        yield _device_line(number, actor, width, signs)
    yield Text()
    yield _heading(width, signs)
    rows = view.newest(room)
    for row in rows:
        yield _row_line(view, row, width, signs)
    for _ in range(room - len(rows)):
        yield Text()
    yield Text()
    yield from _why(view, width, signs)
    yield _counters(view, width)


# ---- the link


def strip(samples: Sequence[Sample], width: int, signs: Signs) -> Text:
    """Draw the last moments of the uplink: bars for its rate, dark where nothing gets out."""
    drawn = Text(no_wrap=True)
    for sample in samples[-width:]:
        if sample.killed:
            drawn.append(signs.killed, BAD)
        elif sample.up_rate_bps <= 0:
            drawn.append(signs.dark, QUIET)
        else:
            drawn.append(signs.bars[level(sample.up_rate_bps, len(signs.bars))], GOOD)
    return drawn


def level(rate_bps: float, levels: int) -> int:
    """Choose the bar for a rate."""
    share = math.log(rate_bps / RATE_LOW_BPS) / math.log(RATE_HIGH_BPS / RATE_LOW_BPS)
    return min(levels - 1, max(0, int(share * levels)))


def _link_line(view: View, width: int, signs: Signs) -> Text:
    stats = view.link
    line = Text("Ada's link  ", QUIET)
    line.append(
        stats.state.removeprefix(view.playing.link.name + ": "), GOOD if stats.signal is Signal.PRESENT else BAD
    )
    said = view.playing.link.name + (f" {signs.dash} {view.playing.said}" if view.playing.said else "")
    return _ends(line, Text(said, QUIET), width)


# ---- the devices


def _device_line(number: str, actor: Actor, width: int, signs: Signs) -> Text:
    status = actor.client.status()
    line = Text()
    line.append(f"{number} ", QUIET)
    line.append(f"{actor.label:<13}")
    if status.connected:
        line.append(f"{signs.on} ", GOOD)
        line.append("connected")
        end = f"{status.rtt_ms:.0f} ms" if status.rtt_ms is not None else ""
        return _ends(line, Text(end, QUIET), width)
    line.append(f"{signs.off} ", BAD)
    line.append(_short(status.cause), BAD)
    due = _next(status.next_attempt_ms, status.next_reason, actor.client.agent.now.wall_ms)
    return _ends(line, Text(due, QUIET), width)


_SHORT: dict[Cause, str] = {
    Cause.NETWORK_CONNECTION_LOST: "the connection broke",
    Cause.NETWORK_STALLED: "the connection went silent",
    Cause.NETWORK_RELAY_UNREACHABLE: "the relay does not answer",
    Cause.NETWORK_CONNECTING: "not yet connected",
    Cause.NETWORK_NO_PATH: "no network",
    Cause.RELAY_STOPPING: "the relay is stopping",
    Cause.RELAY_BUSY: "the relay is busy",
}


def _short(cause: Cause | None) -> str:
    return _SHORT.get(cause, cause.value) if cause is not None else "connecting"


def _next(at_ms: int | None, reason: str | None, now_ms: int) -> str:
    if at_ms is None or reason == Reason.ATTEMPT_LIMIT.value:
        return "trying now"
    return f"tries again in {max(0.0, (at_ms - now_ms) / 1000):.1f} s"


# ---- the messages


def _heading(width: int, signs: Signs) -> Text:
    tail = "how far".ljust(_track_width(width) + 10) + " ".join(signs.numbers)
    ticks = signs.ticks
    legend = (
        f"{ticks[Stage.QUEUED]} here  {ticks[Stage.SENT]} left  {ticks[Stage.ACCEPTED]} at relay  "
        f"{ticks[Stage.DELIVERED]} there  {ticks[Stage.READ]} read"
    )
    room = width - cell_len(tail) - 2
    return Text(_fit(legend if cell_len(legend) <= room else "message", room, signs) + "  " + tail, QUIET)


def _row_line(view: View, row: Row, width: int, signs: Signs) -> Text:
    stage = row.stage
    track = _track_width(width)
    tail = Text()
    if track:
        reached = sum(stage >= each for each in STAGES)
        tail.append(signs.done * reached, _colour(row))
        tail.append(signs.open * (len(STAGES) - reached) + "  ", QUIET)
    tail.append(stage.name.lower().ljust(10), _colour(row))
    tail.append_text(_ticks(view, row, signs))
    head = Text(_fit(f"{row.author.person.value} {view.words(row)}", width - tail.cell_len - 1, signs) + " ")
    head.stylize(WARM if view.is_urgent(row) else "", 4)
    head.stylize(QUIET, 0, 4)
    return head + tail


def _ticks(view: View, row: Row, signs: Signs) -> Text:
    line = Text()
    for index, actor in enumerate(view.scene.actors):
        line.append(" " if index else "")
        if actor is row.author:
            line.append(signs.writes, QUIET)
        else:
            stage = row.of(actor.client.identity.device)
            line.append(signs.ticks[stage], GOOD if stage.answered else "")
    return line


def _track_width(width: int) -> int:
    return len(STAGES) + 2 if width >= NARROW else 0


def _colour(row: Row) -> str:
    if row.stage.final:
        return BAD
    return GOOD if row.stage.answered else WARM if row.stage >= Stage.SENT else QUIET


# ---- why, and how much


def _why(view: View, width: int, signs: Signs) -> Iterable[Text]:
    found = view.waiting()
    if found is None:
        yield Text()
        yield Text("Nothing waits." if view.rows else "", QUIET)
        return
    row, wait = found
    due = ""
    if wait.cause.layer == "network":
        due = f" ({_next(wait.next_attempt_ms, wait.next_reason, row.author.client.agent.now.wall_ms)})"
    ahead = sum(other.open for other in view.rows.values())
    yield _ends(Text(f"Why is {view.name(row)} still here?", STRONG), Text(f"{ahead} under way", QUIET), width)
    yield Text(_fit(CAUSES[wait.cause].sentence + due, width, signs), WARM)


def _counters(view: View, width: int) -> Text:
    parts = [f"{len(view.rows)} written", f"{view.delivered} answered by every device"]
    if view.reconnects:
        parts.append(f"{view.reconnects} reconnects")
    if view.scene.relay.kills:
        parts.append(f"relay killed {view.scene.relay.kills}x")
    line = Text("   ".join(parts), QUIET, no_wrap=True)
    line.truncate(width)
    return line


# ---- laying out


def _clock(view: View) -> str:
    minutes, seconds = divmod(int(view.elapsed_s), 60)
    return f"{minutes}:{seconds:02}"


def _ends(left: Text, right: Text, width: int) -> Text:
    """Put one at each end; the right one goes where there is no room for both."""
    gap = width - left.cell_len - right.cell_len
    if gap < 1:
        left.truncate(width, overflow="ellipsis")
        return left
    return left + Text(" " * gap) + right


def _fit(words: str, width: int, signs: Signs) -> str:
    """Cut or fill to a width."""
    if cell_len(words) <= width:
        return set_cell_size(words, width)
    return set_cell_size(words, max(0, width - 1)) + signs.ellipsis
