"""Run scenarios against copy engines and judge what happened.

This package owns the scenario files' meaning, the runs, the verdicts and the ``3pce`` command.
Nothing else of the project imports it, and it reaches an engine through a `Nexus` only.
"""
