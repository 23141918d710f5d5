"""The only room that names this study: its attacks, incidents, literature and claims."""
