"""Models of other tools: one file a kind (and beside it what it needs), a `Kind` in each."""
