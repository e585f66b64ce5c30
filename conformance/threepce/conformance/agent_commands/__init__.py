"""The copy agent from the command line: copy, results, abort, probe, backup, restore.

`cli` has the arguments and nothing else; `devices` opens what they name; a module for each command.
"""
