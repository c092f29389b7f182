"""The weights that a person has chosen, wherever they lie."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from wrn.errors import WeightsError
from wrn.runs import Run
from wrn.stored import Card


@dataclass(frozen=True)
class ChosenWeights:
    """Weights to evaluate, before anything is known about their content.

    Attributes:
        label: What to call them on screen.
        identity: Stands for the content: a changed file has another one.
        path: The file; `None` for an upload.
        content: The bytes of an upload.
        card: What is known about stored weights.
        run: The run that they belong to.
        substitute: Whether those that were shown in their place before are gone.
    """

    label: str
    identity: str
    path: Path | None = None
    content: bytes | None = None
    card: Card | None = None
    run: Run | None = None
    substitute: bool = False

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Lend the file. That of an upload is in a folder of its own, and deleted.

        Raises:
            WeightsError: If there is no room for it.
        """
        if self.path is not None:
            yield self.path
            return
        with ExitStack() as stack:
            try:
                lent = tempfile.TemporaryDirectory(prefix="wrn-upload-")
                file = Path(stack.enter_context(lent)) / "weights"
                # Closed before it is lent: Windows opens no file twice.
                file.write_bytes(self.content or b"")
            except OSError as error:
                raise WeightsError(
                    "Reading an upload takes room in a temporary folder (TMPDIR names "
                    f"another one). Received: {error.strerror or error}"
                ) from None
            yield file
