"""Proves that a device is found on its list while it stands there."""

from answerback.model.devices import Device, DeviceList
from tests.core.specimens import ANN, LAPTOP, PHONE, TABLET


def test_a_device_is_found_by_its_id_while_it_is_listed() -> None:
    devices = tuple(Device(identity, b"s" * 32, b"i" * 32, 0) for identity in (PHONE, LAPTOP))
    listed = DeviceList(ANN, b"r" * 32, 1, b"", devices, 0)
    assert listed.device(LAPTOP) == devices[1]
    assert listed.device(TABLET) is None
