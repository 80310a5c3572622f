"""Keeps where each device is woken, one subscription a device, in the relay's database.

Single statements, no decisions; whoever calls them has a transaction, or reads.
"""

from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.storage.database import Database
from answerback.wire.frames import Subscribe

_PUT = """
    INSERT INTO push_subscription (device, endpoint, key, auth, since_ms)
    SELECT number, ?, ?, ?, ? FROM device WHERE id = ? AND revoked = 0
    ON CONFLICT (device) DO UPDATE SET endpoint = excluded.endpoint, key = excluded.key, auth = excluded.auth,
        since_ms = excluded.since_ms"""
_WAITING = """
    SELECT device.id, min(lane) FROM push_subscription AS push
    JOIN device ON device.number = push.device
    JOIN mailbox ON mailbox.number = push.device
    JOIN envelope ON envelope.mailbox = push.device
    WHERE expires_s > ? AND lane BETWEEN ? AND ? AND position > CASE lane
        WHEN 1 THEN taken_urgent WHEN 2 THEN taken_normal ELSE taken_bulk END
    GROUP BY device.id"""


class PushStore:
    """The relay's subscriptions as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, device: DeviceId, subscription: Subscribe, *, now_ms: int) -> bool:
        """Keep a device's subscription in place of the one before; false if there is no such device."""
        values = (subscription.endpoint, subscription.key, subscription.auth, now_ms, device)
        return self._database.run(_PUT, values) == 1

    def drop(self, device: DeviceId, *, endpoint: str = "") -> bool:
        """Forget a device's subscription, or only this one; false if there is none, or another by now."""
        sql = """DELETE FROM push_subscription
                 WHERE device = (SELECT number FROM device WHERE id = ?) AND ? IN ('', endpoint)"""
        return self._database.run(sql, (device, endpoint)) == 1

    def of(self, device: DeviceId) -> Subscribe | None:
        """Return a device's subscription."""
        sql = """SELECT endpoint, key, auth FROM push_subscription AS push
                 JOIN device ON device.number = push.device WHERE id = ? AND revoked = 0"""
        row = self._database.row(sql, (device,))
        return Subscribe(*row) if row else None

    def all(self) -> list[tuple[DeviceId, Subscribe]]:
        """Return every subscription of a device that still belongs to its account."""
        sql = """SELECT id, endpoint, key, auth FROM push_subscription AS push
                 JOIN device ON device.number = push.device WHERE revoked = 0"""
        return [(DeviceId(row[0]), Subscribe(*row[1:])) for row in self._database.rows(sql)]

    def waiting(self, *, now_ms: int) -> list[tuple[DeviceId, Lane]]:
        """Return which of them have mail of people waiting, and the most urgent lane of it."""
        rows = self._database.rows(_WAITING, (now_ms // 1000, Lane.URGENT, Lane.BULK))
        return [(DeviceId(row[0]), Lane(row[1])) for row in rows]
