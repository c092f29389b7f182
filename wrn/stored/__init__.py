"""Stored weights: the files in `models/`, and how they come there.

cards        what lies there, each with a card that says what it is
storing      a run's last weights, measured
converting   any recognized weight file as this project's own
"""

from wrn.stored.cards import (
    ENDING,
    Card,
    StoredWeights,
    card_path,
    list_stored,
    models_folder,
    stored_path,
)

__all__ = [
    "ENDING",
    "Card",
    "StoredWeights",
    "card_path",
    "list_stored",
    "models_folder",
    "stored_path",
]
