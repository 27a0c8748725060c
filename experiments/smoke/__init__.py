"""Flow matching of smoke videos, with a loss that weighs smoke against background."""
