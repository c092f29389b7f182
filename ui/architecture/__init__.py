"""The parts of the Architecture page.

network      its name, figures and table
graph        the drawing
comparison   a second network beside the first
"""
