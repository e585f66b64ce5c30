"""The copy manager: from the bytes of a parameter list to data moved and results kept.

``candidate`` cuts a list up in its dialect, ``rules`` (in ``header_rules``, ``cscd_rules`` and
``segment_rules``) refuse it, ``copy`` makes an operation of it, ``operation`` is its life, ``manager``
lets operations run and ends them. ``segments`` processes the segments: ``context`` is what those of a
copy share, ``copying`` says what each reads and writes, ``move`` does it between the ends in ``block``
and ``stream``, ``pools`` and ``residue`` are what is left over, ``devices`` is the gate to the units.
``results`` and ``held_data`` are what can be fetched, ``commands`` are the handlers. What differs from
engine to engine stands in the profile.
"""
