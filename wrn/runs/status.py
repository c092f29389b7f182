"""Where a run stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal[
    "queued", "running", "paused", "stopped", "finished", "failed", "interrupted"
]

#: States of a run that some process is working on.
LIVE_STATES = ("queued", "running", "paused")

#: States from which a run can go on.
RESUMABLE_STATES = ("stopped", "failed", "interrupted")


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a run stands.

    Attributes:
        state: What is going on. A run whose process died is `interrupted`.
        created: When the run was made, in seconds since 1970.
        updated: When the status was last written, in seconds since 1970.
        seconds: Time spent training, over all sessions.
        progress: The last `wrn.training.loop.Progress`, as plain JSON types.
        error: Why it failed, in words; empty otherwise.
        advice: What to try after a failure; empty otherwise.
        traceback: The traceback of the failure; empty otherwise.
        device: Where it ran.
    """

    state: State = "queued"
    created: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    progress: Mapping[str, Any] | None = None
    error: str = ""
    advice: str = ""
    traceback: str = ""
    device: str = ""
