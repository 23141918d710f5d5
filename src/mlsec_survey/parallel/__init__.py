"""Many tasks in one process, in several, or on a cluster, with the same numbers."""
