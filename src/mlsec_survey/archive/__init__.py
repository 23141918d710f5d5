"""A citable archive: everything that a run rests on and gave, described for machines of others."""
