"""What the pages are made of.

    architecture, train, runs   the parts of these pages
    evaluation                  those of Evaluate and Classify
    choices                     what a person chooses: weights, images, a picture
    charts                      figures from plain data

The rest is shared: navigation and addresses, session keys, forms, live charts,
pictures, texts, what takes long to load, and what keeps reruns from each other.
"""
