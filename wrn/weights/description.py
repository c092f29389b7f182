"""A model's description of itself: JSON in the file of a whole model.

It is read as lists and names, and no model is built from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Described:
    """A layer as a model describes it.

    Attributes:
        class_name: Name of its class.
        name: Its own name.
        settings: What its class was made with.
        producers: Names of the layers that feed it.
    """

    class_name: str
    name: str
    settings: dict[str, Any]
    producers: frozenset[str]

    @property
    def kernel(self) -> Any:
        """Height and width of a convolution's kernel, as Keras 1 or 2 writes it."""
        settings = self.settings
        kernel = settings.get("kernel_size")
        if kernel is None:
            kernel = [settings.get("nb_row"), settings.get("nb_col")]
        return [kernel, kernel] if isinstance(kernel, int) else kernel

    @property
    def is_conv(self) -> bool:
        """Whether it is a convolution."""
        return "Conv" in self.class_name


def described_layers(config: dict[str, Any]) -> Iterator[Described]:
    """Yield the layers that a model describes, in order."""
    pending: list[Any] = [config]
    while pending:
        node = pending.pop()
        settings = node.get("config") if isinstance(node, dict) else None
        # The layers of a `Sequential` are the whole of it in early versions.
        layers = settings.get("layers") if isinstance(settings, dict) else settings
        if isinstance(layers, list):
            pending.extend(reversed(layers))
        elif isinstance(settings, dict):
            yield Described(
                class_name=str(node.get("class_name")),
                name=str(node.get("name") or settings.get("name")),
                settings=settings,
                producers=_producers(node.get("inbound_nodes")),
            )


def _producers(inbound: Any) -> frozenset[str]:
    """Return the names of the layers that feed a layer.

    Keras 1 and 2 write [name, node, tensor, …], Keras 3 the same three under
    "keras_history", both deep within other lists.
    """
    names = set()
    pending = [inbound]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            pending.extend(node.values())
        elif isinstance(node, list):
            if len(node) > 2 and isinstance(node[0], str) and type(node[1]) is int:
                names.add(node[0])
            else:
                pending.extend(node)
    return frozenset(names)
