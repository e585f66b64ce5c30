"""ROD tokens: a copy in two halves, possibly by two initiators (SPC-4 5.17.6, SBC-3 4.25).

POPULATE TOKEN turns ranges of a disk into 512 bytes that stand for their data, and WRITE USING
TOKEN writes what they stand for. ``behaviour`` is what a profile says of that, ``guard`` and
``kept`` hold on to the past of a disk, ``rod`` reads it, ``store`` has the tokens of a target,
``lists`` refuses parameter lists, ``commands`` are the handlers. ``segments`` fills RODs on behalf
of EXTENDED COPY.
"""
