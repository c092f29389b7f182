"""The parts of the Train page.

form              the settings, in the order in which a person decides them
samples           the first images as the network will see them
estimate          what it will take, beside the button that starts it
speed_measuring   measures the device while the person watches
"""
