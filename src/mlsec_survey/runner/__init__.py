"""The runner: from what changed to executed notebooks, web pages and the paper."""
