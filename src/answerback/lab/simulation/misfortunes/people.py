"""Adds devices, takes devices away, and sends everybody away, while messages are under way."""

from answerback.lab.simulation.misfortunes.trouble import Kind, Trouble

DAY_S = 86_400.0
MONTHS_S = (20 * DAY_S, 36 * DAY_S)
"""Beyond 38 days the keys that envelopes are sealed to may be gone, and no other is asked for: docs/proof.md."""


class PeopleTrouble(Trouble):
    """What people do to their accounts."""

    def seldom(self) -> list[Kind]:
        """What happens now and then."""
        return [self.device_linked, self.device_revoked]

    def device_linked(self) -> None:
        """Add a device to somebody's account while people write."""
        who = self.anybody()
        if who.is_on and self.town.spare and self.town.may_sign(who):
            self.fault("device_linked", who)
            self.town.link(who)

    def device_revoked(self) -> None:
        """Take a device off its account's list while people write."""
        town = self.town
        for by in town.awake:
            others = [v for v in town.villagers if v.account == by.account and v is not by and v.lives]
            if town.may_sign(by) and others and len(town.listed(by)) > 1 and by.device not in town.truth.revoked:
                gone = town.random.choice(others)
                self.fault("device_revoked", gone)
                town.announce(by, [device for device in town.listed(by) if device.id != gone.device])
                return
