"""How functions become TensorFlow graphs."""

import functools

import tensorflow as tf

#: `tf.function` without AutoGraph. Nothing here branches or loops on the value of a
#: tensor, and to look for it in all of Keras's code takes as long as to trace the
#: training step itself (docs/performance.md). A condition that was overlooked is an
#: error of TensorFlow, never a wrong result.
traced = functools.partial(tf.function, autograph=False)
