"""Every error that the library raises on purpose.

    WrnError
    ├── ConfigError        a setting outside its range (also a ValueError)
    ├── DataError          images that cannot be found, read or trusted
    ├── WeightsError       a file that holds no usable Wide ResNet weights
    ├── RunError           a run folder that is missing, damaged or in use
    ├── DivergedError      a training whose loss is no longer a number
    ├── ClusterError       another machine was lost, or this one cannot join
    └── MissingToolError   an optional program, such as Graphviz, is not installed

A message is one or two plain sentences for the person who reads it: what was
expected and what was received. Pages and the command line show it as it is.
"""


class WrnError(Exception):
    """Base of every error that this library raises on purpose."""


class ConfigError(WrnError, ValueError):
    """A setting outside its range."""


class DataError(WrnError):
    """Images that cannot be found, read or trusted."""


class WeightsError(WrnError):
    """A file that holds no usable Wide ResNet weights."""


class RunError(WrnError):
    """A run folder that is missing, damaged or in use."""


class DivergedError(WrnError):
    """A training whose loss is no longer a number."""


class ClusterError(WrnError):
    """Another machine of a training was lost, or this one cannot join it."""


class MissingToolError(WrnError):
    """An optional program is not installed."""
