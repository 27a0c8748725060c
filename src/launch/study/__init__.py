"""A sweep that tests a claim: arms x seeds, then tables with intervals."""
