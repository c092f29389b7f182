"""Keras as this project computes with it, whatever its user's settings of Keras say.

All programs of a user share `~/.keras/keras.json`, in which an old project may have
left half precision as the default, or channels before rows: a network would have other
shapes or numbers, or none. Whatever needs Keras takes it from here.
"""

import keras

from wrn.errors import WrnError

if keras.config.backend() != "tensorflow":
    raise WrnError(
        "Keras must compute with TensorFlow here: import wrn before keras, or set "
        f"KERAS_BACKEND to tensorflow. Received: {keras.config.backend()}"
    )
keras.config.set_floatx("float32")
keras.config.set_epsilon(1e-7)  # Keras's default.
keras.config.set_image_data_format("channels_last")

__all__ = ["keras"]
