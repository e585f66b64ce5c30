"""`3pce tape`: cartridge files listed, made, read out and checked.

``cli`` has the arguments, ``look`` opens a cartridge without changing anything, the others one
command each.
"""
