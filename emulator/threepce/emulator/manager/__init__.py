"""The copy manager: from the bytes of a parameter list to data moved and results kept.

``candidate`` cuts a list up in its dialect, ``rules`` (in ``header_rules``, ``cscd_rules`` and
``segment_rules``) refuse it, ``copy`` makes an operation of it, ``operation`` is its life, ``manager``
lets operations run and ends them, ``segments`` move the data, ``resolve`` finds the logical units,
``results`` and ``held_data`` are what can be fetched, ``commands`` are the handlers. What differs from
engine to engine stands in the profile.
"""
