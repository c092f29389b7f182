"""Wide Residual Networks on CIFAR-10: the library under the dashboard.

The data flows in one direction, and so do the imports: each imports what stands above.

    config                   settings: defaults, bounds, help texts; recipes
    architecture             every layer of the network, without TensorFlow
    graph                    the same as a drawing: DOT, and positions for the browser
    model                    the Keras model
    data, preprocessing      images and labels, and what is done to every image
    weights                  weight files: reading, recognizing, writing
    machine                  processors, memory, and how busy they are
    cluster, devices         where to compute, on several machines or one
    inference, restoring     a network ready to classify, and made so from a file
    training                 the training loop, and all that belongs to a step
    runs, jobs               run folders; runs carried out, in the background too
    evaluation               accuracy and what goes with it
    stored                   the weights in `models/`, and how they come there
    speed                    what a training will take on this device; the benchmark
    cli                      python -m wrn

All of them may use `errors`, `files`, `naming`, `text`, `tracing` and `own_keras`.

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
