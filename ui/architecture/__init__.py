"""The parts of the Architecture page.

network      figures and layers
graph        the drawing: level of detail, selected node, files
training     what a training would take, and the way to it
comparison   a second network beside the first
"""
