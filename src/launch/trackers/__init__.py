"""Trackers: loggers for other programs that follow one run through every resume.

All of them lie inside the run folder, get the settings under the dotted keys that one would type,
the quantities of `metrics.csv` under the same names, and the pictures of the validations.
"""
