"""Training: the loop, the step, and all that belongs to a step.

    loop                from the first epoch to the last, on one device or many
    session             a network being trained: one step, one measurement
    checkpoint          all that a training needs to go on as if never interrupted
    initial_weights     weights to start from in place of random ones
    feasibility         refuses beforehand what no training could carry out
    collective          what all workers and replicas do together
    randomness          all that is drawn at random, from the seed
    pace, commit        what a training notes of its speed and of this code

    augmentation        flips, crops, cutout, smaller copies
    distortion          TrivialAugment
    samples             the first images, for people's eyes

    optimizer           SGD with momentum, as the authors' and as Keras's
    loss                of the label, and of what a teacher says
    sharpness           sharpness-aware minimization
    averaging           a moving average of the weights
    batch_statistics    batch-norm statistics for it

    teacher_files       the teachers' weights
    distillation        learning their answers
    attention           learning where they look

No names are handed on from here: some of these are read where TensorFlow is not wanted.
"""
