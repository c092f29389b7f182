"""What all kinds of preprocessing share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from wrn.errors import WeightsError
from wrn.text import sides

#: Images that are worked on at once, to bound memory.
CHUNK_IMAGES = 2048


class Preprocessing(ABC):
    """One kind of preprocessing with its fitted figures.

    Attributes:
        kind: Its name in `DataConfig.preprocessing`.
        before_augmentation: Whether training images are preprocessed before they
            are flipped and cropped, once for all; else after, batch by batch.
    """

    kind: ClassVar[str]
    before_augmentation: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def fit(cls, images: NDArray[np.uint8]) -> Self:
        """Fit the figures on training images, uint8 (n, height, width, 3), n > 0."""

    @classmethod
    @abstractmethod
    def read(cls, stored: dict[str, Any], arrays: Mapping[str, Any]) -> Self:
        """Take up what `to_dict` and `arrays` gave. See `read_preprocessing`."""

    @abstractmethod
    def apply(self, images: Any) -> Any:
        """Preprocess images.

        Args:
            images: float32 (n, height, width, 3), 0 to 255. An array or a tensor.

        Returns:
            The same shape and data type.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the kind and its small figures as plain JSON types."""

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the figures that are too large for JSON, by name."""
        return {}

    def before(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Return what training images are before they are flipped and cropped.

        Args:
            images: uint8 (n, height, width, 3).

        Returns:
            The same, or float32 of the same shape where they are preprocessed first.
        """
        return self.apply_to_all(images) if self.before_augmentation else images

    def after(self, batch: Any) -> Any:
        """Return what a float32 batch is once it is flipped and cropped."""
        return batch if self.before_augmentation else self.apply(batch)

    def apply_to_all(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Preprocess a whole data set, with little more memory than the result takes.

        Args:
            images: uint8 (n, height, width, 3).

        Returns:
            float32 of the same shape.
        """
        applied = np.empty(images.shape, np.float32)
        for start in range(0, len(images), CHUNK_IMAGES):
            chunk = images[start : start + CHUNK_IMAGES]
            applied[start : start + len(chunk)] = self.apply(chunk.astype(np.float32))
        return applied


def chunks(images: NDArray[np.uint8]) -> Iterator[NDArray[np.float64]]:
    """Yield all images, some at a time, as float64."""
    for start in range(0, len(images), CHUNK_IMAGES):
        yield images[start : start + CHUNK_IMAGES].astype(np.float64)


def read_array(
    kind: str, arrays: Mapping[str, Any], name: str, shape: tuple[int, ...]
) -> Any:
    """Return an array of a weight file.

    Raises:
        WeightsError: If it is not there, or of another shape.
    """
    array = arrays.get(name)
    if array is None or array.shape != shape:
        received = "none" if array is None else sides(array.shape)
        raise WeightsError(
            f"The preprocessing {kind} needs its {name} of {sides(shape)} numbers, as "
            f"fitted in training and saved with the weights. Received: {received}"
        )
    return array
