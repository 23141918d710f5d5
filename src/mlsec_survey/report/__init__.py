"""How results leave a notebook: tables, figures, numbers, their words and what they rest on."""
