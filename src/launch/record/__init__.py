"""What a run folder holds and means: record, identity, references. Imports no torch."""
