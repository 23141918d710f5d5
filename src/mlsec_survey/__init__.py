"""Research compendium for a quantitative survey of machine-learning security in industry."""

__version__ = "0.1.0"
