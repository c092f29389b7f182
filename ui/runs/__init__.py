"""Runs: one of them, live or ended, and all of them.

panel         one run with its controls, kept up to date for as long as it lives
view          how it stands: state, progress, figures, curves, failure
machine       how busy the machine is
table         all runs
comparison    several side by side
details       evaluation, downloads, TensorBoard, settings, files
notes         what a person wrote about it
deletion      deletes it, and brings it back
train_again   carries its settings over into the form of the Train page
"""
