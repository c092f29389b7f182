"""Wide Residual Networks on CIFAR-10: the library under the dashboard.

The data flows in one direction, and so do the imports:

    errors, config   settings: defaults, bounds and help texts
    architecture     every layer of the network, without TensorFlow
    graph            the same as a drawing: DOT, and positions for the browser
    model            the Keras model
    data             images and labels; preprocessing and augmentation
    weights          weight files: reading, recognizing, writing
    cluster, devices where to compute, on one machine or several
    training         the training loop
    workers          several machines that train together
    runs, jobs       run folders; background training
    speed, estimate  what a training will take on this device
    evaluation       accuracy and what goes with it
    cli              python -m wrn

Nothing here imports Streamlit, and this file imports next to nothing: `import wrn` is
instant.
"""

import os

# TensorFlow asks once, when it starts, and whichever part of the library comes first
# may start it: GPU memory is left to other programs until it is needed.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

# So does Keras, which TensorFlow imports: another project may have left another backend
# in the environment or in Keras's own settings. `wrn.own_keras` sees to the others.
os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.1.0"
