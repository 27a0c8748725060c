"""The page of many runs: what it holds, how it is written and served."""
