"""What a person chooses: weights, images, a picture.

weights      stored ones, those of a run, or an upload
recognized   what the chosen weights are
images       which to train or evaluate on, and how many
picture      a test image, or one's own
uploads      stay when their box is gone
"""
