"""What networks say: of many images, and of one.

measuring            evaluates while the person watches the result grow
result               figures and charts
gallery              its images
diagnosis            what was tried of a file that does not record all
converted_download   offers a file as this program's own
classification       of one picture: the answer, where it looks, its layers
"""
