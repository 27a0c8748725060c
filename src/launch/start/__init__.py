"""From a finished configuration to a process at work in a run folder. Imports no torch."""
