"""Thinning out curves without losing their shape."""

import numpy as np
import numpy.typing as npt

#: Most points that a curve is drawn with.
POINTS_PER_CURVE = 400


#: Share of a curve's height that a straight line may be away from its points.
STRAIGHT = 1 / 500


def straighten(
    x: npt.ArrayLike, y: npt.ArrayLike, limit: int = POINTS_PER_CURVE
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Thin out a curve of ramps, arcs and steps, such as a learning rate.

    Its corners stay, by the algorithm of Douglas and Peucker (1973) with distances
    along y, and points at equal distances, so that one is near wherever the mouse is.

    Args:
        x: Positions in their order, shape (n,).
        y: Finite values, shape (n,).
        limit: Most points to keep. At least 4.

    Returns:
        Positions and values of the points kept, in their order. Lines between them are
        nowhere further from the points than `STRAIGHT` of the curve's height; a curve
        of more corners than the limit is decimated.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(y, np.float64)
    if len(y) <= limit:
        return x, y
    corners = {0, len(y) - 1}
    pieces = [(0, len(y) - 1)]
    while pieces:
        if len(corners) > limit:
            return decimate(x, y, limit)
        first, last = pieces.pop()
        inside = slice(first + 1, last)
        line = np.interp(x[inside], x[[first, last]], y[[first, last]])
        distances = np.abs(y[inside] - line)
        if len(distances) and distances.max() > STRAIGHT * np.ptp(y):
            corner = first + 1 + int(np.argmax(distances))
            corners.add(corner)
            pieces += [(first, corner), (corner, last)]
    between = np.linspace(0, len(y) - 1, limit - len(corners), dtype=int)
    kept = np.union1d(sorted(corners), between)
    return x[kept], y[kept]


def decimate(
    x: npt.ArrayLike, y: npt.ArrayLike, limit: int = POINTS_PER_CURVE
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Thin out a curve without losing its shape.

    Of each bucket of neighbouring points the lowest and the highest stay, and so do
    the first and the last point of the curve. The width of the buckets is a power of
    two: while a curve grows, the points already drawn mostly stay where they are.

    Args:
        x: Positions, shape (n,).
        y: Finite values, shape (n,).
        limit: Most points to keep. At least 4.

    Returns:
        Positions and values of the points kept, in their order.
    """
    x = np.asarray(x, np.float64)
    y = np.asarray(y, np.float64)
    if len(y) <= limit:
        return x, y
    width = 2
    while 2 * -(-len(y) // width) + 2 > limit:
        width *= 2
    starts = range(0, len(y), width)
    lowest = [start + int(np.argmin(y[start : start + width])) for start in starts]
    highest = [start + int(np.argmax(y[start : start + width])) for start in starts]
    kept = np.unique([0, *lowest, *highest, len(y) - 1])
    return x[kept], y[kept]
