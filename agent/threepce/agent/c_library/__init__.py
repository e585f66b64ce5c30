"""The seed's function as a shared library, so that programs in C can call it ([0036], [0038]).

`gen_ex_copy.h` is what they include and the one declaration of the structures; `build` makes the
library with cffi's embedding mode, and `entry` is what runs inside it. `disk_to_tape.c` is an
example that goes with it.
"""
