"""A first codebook for another survey, drafted from what its survey tool knows.

A draft is never complete: what a file cannot tell stands as TODO in it, and `load_codebook` refuses
a codebook in which one is left.
"""
