"""What a search among runs looks through."""

from wrn.config import RunConfig
from wrn.runs.notes import Notes


def matches(text: str, name: str, notes: Notes, config: RunConfig | None) -> bool:
    """Whether a text stands in what is known of a run.

    Args:
        text: What is looked for, in capitals or not. An empty one is found in all.
        name: The run's name.
        notes: What a person wrote about it.
        config: Its settings, of which the network's name and the recipe count;
            `None` if the folder is damaged.
    """
    words = [name, notes.title, notes.text]
    words += [config.model.name, config.recipe or ""] if config else []
    return text.strip().lower() in " ".join(words).lower()
