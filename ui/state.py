"""All session keys in one place, so that no two are alike.

Keys of widgets that are bound to the URL are also the names of its parameters:
`?depth=28&widen_factor=10`.
"""

#: The title of the page that the router shows; set once the frame is drawn.
PAGE = "page"
#: How many times a page was opened.
VISIT = "visit"
#: Values that widgets have been given on arrival, and the keys of those that lost them
#: and are given them again.
BROUGHT, LOST = "brought", "lost"

# Bound to the URL.
DEPTH = "depth"
WIDEN_FACTOR = "widen_factor"
DROPOUT = "dropout"
#: A published network, at the moment it is chosen; it sets the three above.
PRESET = "preset"
LEVEL = "level"
#: The network that the chosen one is compared with.
VERSUS = "versus"
WEIGHTS = "weights"

#: The chosen run, and those that it is compared with: in the URL, but not bound to it.
RUN = "run"
COMPARED = "compared"
#: The run that was chosen last, and the number of that visit of the page.
CHOSEN_RUN = "chosen_run"
#: The run that others were compared with last, and the number of that visit.
COMPARISON = "comparison"
#: Which runs the table lists, and when the last was deleted that is deleted here.
RUNS_SEARCH = "runs_search"
RUNS_STATES = "runs_states"
RUNS_ARCHIVED = "runs_archived"
DELETED = "deleted"

#: What the keys begin with that hold the state a run was last seen in.
TOASTED = "toasted"

#: The batch size that the Architecture page counts with.
BATCH_SIZE = "batch_size"

#: The graph component; holds the selected node.
GRAPH = "graph"

# The Evaluate page: its widgets, and the last result.
#: The weights that the box showed last.
WEIGHTS_SHOWN = "weights_shown"
UPLOAD = "upload"
#: The uploaded weights: the box forgets them when something else is shown.
UPLOADED = "uploaded"
EVALUATE_SOURCE = "evaluate_source"
EVALUATE_IMAGES = "evaluate_images"
FLIP = "flip"
GALLERY = "gallery"
GALLERY_TRUE = "gallery_true"
GALLERY_PREDICTED = "gallery_predicted"
EVALUATED = "evaluated"

# The Classify page.
PICTURE_KIND = "picture_kind"
PICTURE_NUMBER = "picture_number"
PICTURE_FILES = "picture_files"
#: Those that were uploaded, though the box may be gone since.
PICTURES = "pictures"
PICTURE_FILE = "picture_file"
CLASSIFYING = "classifying"
CAM_CLASS = "cam_class"
MAPS_LAYER = "maps_layer"

# How curves are drawn, on every page.
SMOOTHING = "smoothing"
LOG_LOSS = "log_loss"
#: What the keys begin with that tell whether a run's log is open.
LOG = "log"

# The Train page: what the keys of its widgets begin with, and those with names.
TRAIN = "train"
DATA = "data"
OUTPUT = "output"
TRAIN_SOURCE = "train_source"
RECIPE = "recipe"
RUN_NAME = "run_name"
#: Whether the form is unfolded, and the visit for which that was decided.
FORM = "form"
FORM_VISIT = "form_visit"
#: Whether another page has opened this one for its form.
FORM_ASKED = "form_asked"
#: What was just submitted: the run's name, and whether it waits.
SUBMITTED = "submitted"
