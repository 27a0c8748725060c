"""The command line: what is typed, listed and printed. Imports neither torch nor lightning."""
