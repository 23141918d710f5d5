"""Pages and the typeset paper."""
