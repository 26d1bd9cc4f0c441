"""Long runs: what a call leaves behind."""
