"""One file a panel: each draws a slice of the session and nothing else."""
