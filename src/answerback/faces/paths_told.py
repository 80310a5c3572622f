"""Gives one way to the relay the shape in which it is told."""

from answerback.device.reports import PathStatus
from answerback.faces.told import PathTold


def told_path(path: PathStatus) -> PathTold:
    """Tell how it stands, and what that rests on."""
    return PathTold(
        name=path.name,
        in_use=path.is_in_use,
        standby=path.is_standby,
        metered=path.is_metered,
        standing=path.verdict.standing.value,
        sign=path.verdict.sign.value,
        since_ms=round(path.since_s * 1000),
        rtt_ms=None if path.rtt_s is None else path.rtt_s * 1000,
        rtt_deviation_ms=path.rtt_deviation_s * 1000,
        jitter_ms=path.jitter_s * 1000,
        loss=path.loss,
        bloat_ms=path.bloat_s * 1000,
        up_bytes_per_s=path.up_bytes_per_s,
        down_bytes_per_s=path.down_bytes_per_s,
        heard_ms_ago=None if path.heard_s is None else round(path.heard_s * 1000),
        probes=path.probes,
        wasted_bytes=path.wasted_bytes,
    )
