"""Reads which carriers a device has, from `carriers.toml` in its folder, and sets them up.

    [sms]                                   # what you call it
    kind = "smpp"
    price = "0.07 EUR"                      # for one part, in your words
    host = "centre.example"
    system_id = "ann"
    password = "…"

The file has passwords in it, so it is refused while others can read it; and it is read strictly, since a misspelt
setting of something that costs money must not be passed over.
"""

import re
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec

from answerback.core.texting import Pace
from answerback.device.texting import CarrierTraits, Cut, TextCarrier
from answerback.model.errors import StorageError, UsageError
from answerback.storage.database import Database
from answerback.storage.durable import is_private
from answerback.storage.text_ledger import open_ledger
from answerback.transport.carriers.roads import OpenRoad

CARRIERS_FILE: Final = "carriers.toml"
FILE_BYTES_MAX = 64 * 1024
CARRIERS_MAX = 20
"""A person has one or two; each keeps a connection."""
WINDOW_USUAL = 10
MODEM_ANSWER_S = 180.0
SERVICE_ANSWER_S = 90.0
"""More than each road gives one text: it is the road that says that no answer came."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,30}")
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Price = Annotated[str, msgspec.Meta(max_length=40)]
Window = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Rate = Annotated[float, msgspec.Meta(ge=0, le=10_000)]


class _Carrier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    price: Price = ""


class Smpp(_Carrier, frozen=True, forbid_unknown_fields=True, tag="smpp", kw_only=True):
    """A message centre."""

    host: str
    system_id: str
    password: str = ""
    port: Port | None = None
    sender: str = ""
    system_type: str = ""
    tls: bool = False
    asked: bool = False
    decimal_receipts: bool = False
    window: Window = WINDOW_USUAL
    per_second: Rate = 0.0


class Android(_Carrier, frozen=True, forbid_unknown_fields=True, tag="android", kw_only=True):
    """A phone that runs SMS Gateway for Android."""

    url: str
    username: str
    password: str
    webhook_url: str = ""
    webhook_listen: str = "127.0.0.1:8091"
    webhook_key: str = ""


class Gammu(_Carrier, frozen=True, forbid_unknown_fields=True, tag="gammu", kw_only=True):
    """A modem behind the `gammu` command."""

    command: tuple[str, ...] = ("gammu",)


class Apprise(_Carrier, frozen=True, forbid_unknown_fields=True, tag="apprise", kw_only=True):
    """A service that Apprise knows."""

    url: str


Configured = Smpp | Android | Gammu | Apprise


@dataclass(frozen=True, slots=True)
class Setup:
    """One carrier of the file, ready to be opened."""

    traits: CarrierTraits
    open_road: OpenRoad


@dataclass(frozen=True, slots=True)
class Carriers:
    """All carriers of a device, at work, and their ledger."""

    each: tuple[TextCarrier, ...]
    database: Database | None

    async def close(self) -> None:
        """Let go of all networks, then of the ledger."""
        for carrier in self.each:
            await carrier.close()
        if self.database is not None:
            self.database.close()


def read_carriers(folder: Path) -> list[Setup]:
    """Read a device's carriers; none if there is no file. Raises UsageError that says what is wrong with it."""
    path = folder / CARRIERS_FILE
    try:
        if not path.exists():
            return []
        if not is_private(path):
            raise UsageError(f"others can read {path}, which may hold passwords: chmod 600 {path}")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise UsageError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    if len(tables) > CARRIERS_MAX:
        raise UsageError(f"{path} names {len(tables)} carriers; at most {CARRIERS_MAX} are used")
    return [_setup(path, name, table) for name, table in tables.items()]


def open_carriers(folder: Path, *, key: bytes | None) -> Carriers:
    """Set up a device's carriers over its ledger; `key` is the journal's.

    They begin when they are first asked for something. Raises UsageError for the file, StorageError for the ledger.
    """
    setups = read_carriers(folder)
    if not setups:
        return Carriers((), None)
    database = open_ledger(folder, key=key)
    try:
        made = tuple(TextCarrier(each.traits, database=database, open_road=each.open_road) for each in setups)
    except BaseException:
        with suppress(StorageError):
            database.close()
        raise
    return Carriers(made, database)


def _setup(path: Path, name: str, table: object) -> Setup:
    if not _NAME.fullmatch(name):
        raise UsageError(f"{path}: {name!r} is no name for a carrier: letters, digits, - and _, at most 30")
    try:
        configured = msgspec.convert(table, type=Configured)
        return _made(name, configured)
    except msgspec.ValidationError as error:
        raise UsageError(f"{path}, [{name}]: {error}") from error
    except UsageError as error:
        raise UsageError(f"{path}, [{name}]: {error}") from error


def _made(name: str, configured: Configured) -> Setup:
    """Make one of them; what it takes to speak is loaded only for the kinds that are used."""
    match configured:
        case Smpp():
            return _smpp(name, configured)
        case Android():
            return _android(name, configured)
        case Gammu():
            return _gammu(name, configured)
        case Apprise():
            return _apprise(name, configured)


def _smpp(name: str, said: Smpp) -> Setup:
    from answerback.transport.carriers.smpp import (  # noqa: PLC0415 - see _made
        SMPP_PORT,
        SMPP_TLS_PORT,
        SmppSettings,
        open_smpp,
    )

    settings = SmppSettings(
        host=said.host,
        port=said.port or (SMPP_TLS_PORT if said.tls else SMPP_PORT),
        system_id=said.system_id,
        password=said.password,
        sender=said.sender,
        system_type=said.system_type,
        tls=said.tls,
        is_asked=said.asked,
        decimal_receipts=said.decimal_receipts,
    )
    pace = Pace(window=said.window, per_second=said.per_second)
    return Setup(CarrierTraits(name=name, kind="smpp", price=said.price, pace=pace), lambda: open_smpp(settings))


def _android(name: str, said: Android) -> Setup:
    from answerback.transport.carriers.android_gateway import (  # noqa: PLC0415 - see _made
        AndroidSettings,
        open_android,
    )

    settings = AndroidSettings(
        url=said.url,
        username=said.username,
        password=said.password,
        webhook_url=said.webhook_url,
        webhook_listen=said.webhook_listen,
        webhook_key=said.webhook_key,
    )
    traits = CarrierTraits(
        name=name,
        kind="android",
        price=said.price,
        is_confirming=settings.is_confirming,
        cut=Cut.THERE,
        pace=Pace(window=4),
    )
    return Setup(traits, lambda: open_android(settings))


def _gammu(name: str, said: Gammu) -> Setup:
    from answerback.transport.carriers.gammu import GammuSettings, open_gammu  # noqa: PLC0415 - see _made

    settings = GammuSettings(command=said.command)
    pace = Pace(window=1, answer_s=MODEM_ANSWER_S)
    traits = CarrierTraits(name=name, kind="gammu", price=said.price, is_confirming=False, cut=Cut.THERE, pace=pace)
    return Setup(traits, lambda: open_gammu(settings))


def _apprise(name: str, said: Apprise) -> Setup:
    from answerback.transport.carriers.apprise_services import (  # noqa: PLC0415 - see _made
        AppriseSettings,
        open_apprise,
    )

    settings = AppriseSettings(url=said.url)
    pace = Pace(window=2, answer_s=SERVICE_ANSWER_S)
    traits = CarrierTraits(name=name, kind="apprise", price=said.price, is_confirming=False, cut=Cut.NOWHERE, pace=pace)
    return Setup(traits, lambda: open_apprise(settings))
