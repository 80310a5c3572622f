"""Notices which devices have not been in touch for the whole of their lease, and takes back what others reach them by.

A device lapses while it is away, never while it is connected, and never in the first hours of a run: the time in which
there was no relay to talk to is not its silence. Mail it was promised stays until its own end; its keys go. Whoever
connects again is who it was, and leaves fresh ones.
"""

from answerback.model.ids import DeviceId
from answerback.storage.database import Database

GRACE_MS_MAX = 6 * 3_600_000
"""How long a run waits before it lets anybody lapse: by then all have had the time to come back to it."""
LOOKS = 1_000
"""Looked so often in one lease: a device lapses within a thousandth of it, about two hours."""
LAPSES_MAX = 500
"""In one look: a few milliseconds."""


class Leases:
    """When it is next to be looked who is overdue."""

    def __init__(self, lease_s: int) -> None:
        self._lease_ms = lease_s * 1000
        self._look_ms: int | None = None

    def overdue(self, db: Database, *, wall_ms: int) -> list[DeviceId]:
        """Find devices that were silent for longer than their lease; none where it is not the time to look."""
        if self._look_ms is None:
            self._look_ms = wall_ms + min(GRACE_MS_MAX, self._lease_ms // 10)
        every_ms = max(self._lease_ms // LOOKS, 1)
        if wall_ms < self._look_ms <= wall_ms + GRACE_MS_MAX + every_ms:  # else the clock was set back
            return []
        self._look_ms = wall_ms + every_ms
        rows = db.rows(
            "SELECT id FROM device JOIN mailbox USING (number)"
            " WHERE seen_ms BETWEEN 0 AND ? AND lapsed_ms = 0 AND revoked = 0 LIMIT ?",
            (wall_ms - self._lease_ms, LAPSES_MAX),
        )
        return [DeviceId(row[0]) for row in rows]


def withdraw_keys(db: Database, device: int) -> None:
    """Hand out no key of a device any more; digests of its one-time keys stay, so that none is offered twice."""
    db.run("UPDATE prekey SET claimed = 1, body = x'', signature = x'' WHERE device = ? AND claimed = 0", (device,))
    db.run(
        "UPDATE device SET fallback_body = x'', fallback_signature = x'', seal_body = x'', seal_signature = x'',"
        " seal_id = x'' WHERE number = ?",
        (device,),
    )
