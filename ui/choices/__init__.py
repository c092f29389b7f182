"""What a person chooses: weights, images, a picture.

weights   stored ones, those of a run, or an upload
images    which to evaluate on, and how many
picture   a test image, or one's own
uploads   stay when their box is gone
"""
