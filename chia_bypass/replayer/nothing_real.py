"""Whether a replay can run anything for real."""

from __future__ import annotations

from chia_bypass.bypass import config
from chia_bypass.replayer.policy import Policy
from chia_bypass.session import Session


def serves_everything(session: Session) -> bool:
    """Whether no call at all may run for real in this replay: each is served or a miss."""
    policy = Policy.of(session.options)
    if policy.live or not policy.closed or session.options.get("on_miss", "fail") != "fail":
        return False
    entries = config.load(session.options["yaml"]).entries.values()
    return all(entry.bypass and entry.tags is None for entry in entries)
