"""The copy manager: from the bytes of a parameter list to data moved and results kept.

``rules`` refuses a list, ``resolve`` finds the logical units, ``segments`` moves the data, ``copy``
holds the state of one copy, ``results`` what is left of it, ``commands`` are the handlers. What
differs from engine to engine stands in the profile.
"""
