"""One reader per survey tool."""
