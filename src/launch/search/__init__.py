"""A sweep that chooses its next job by what the finished ones have shown: Optuna, ask and tell."""
