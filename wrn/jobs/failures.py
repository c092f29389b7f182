"""Why a training failed, and what its person can try."""

import errno
from dataclasses import dataclass

from wrn.config import RunConfig
from wrn.errors import ConfigError, DataError, DivergedError, WeightsError, WrnError

#: The disk is full, a quota used up, or a file at the limit of its size.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Failure:
    """A failure in words.

    Attributes:
        cause: What went wrong.
        advice: What to try, with the setting that is to blame; empty where the cause
            says it already.
    """

    cause: str
    advice: str = ""


def explain(error: BaseException, config: RunConfig | None = None) -> Failure:
    """Say in words why a training failed.

    Args:
        error: What it raised.
        config: Its settings, where they could be read.
    """
    return Failure(_cause(error), _advice(error, config or RunConfig()))


def _cause(error: BaseException) -> str:
    if isinstance(error, WrnError):
        return str(error)
    if _out_of_memory(error):
        return "The device ran out of memory."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'the run folder'}"
    first_line = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first_line[0] if first_line else 'no message'}"


def _advice(error: BaseException, config: RunConfig) -> str:
    train = config.train
    if _out_of_memory(error):
        half = max(1, train.batch_size // 2)
        return (
            f"Train again with a batch size of {half}, not {train.batch_size}, or "
            f"with a widen factor below {config.model.widen_factor}; both need less. "
            "The Train page estimates the memory before a training starts."
        )
    if isinstance(error, DivergedError):
        return (
            f"Train again with a learning rate below {train.learning_rate:g}: a tenth "
            "of it is a good start."
        )
    if isinstance(error, DataError):
        return (
            f"Train again with another source than {config.data.source}; synthetic "
            "needs no download."
        )
    if isinstance(error, WeightsError):
        return "Train again with another file in the setting that is named, or none."
    if isinstance(error, ConfigError):
        return "Train again with another value of the setting that is named."
    if no_room(error):
        return "Make room on the disk, then resume: nothing that was saved is lost."
    if isinstance(error, WrnError):
        return ""
    return "Resume to try once more from the last checkpoint."


def no_room(error: BaseException) -> bool:
    """Whether something could not be written for want of room."""
    return isinstance(error, OSError) and error.errno in _NO_ROOM


def _out_of_memory(error: BaseException) -> bool:
    # TensorFlow's error is told by its name: this module does not load TensorFlow.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "ResourceExhaustedError"
    )
