"""From the command line to a finished configuration. Imports neither torch nor lightning."""
