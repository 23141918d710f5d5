"""The synthetic stand-in: a seeded model that draws a raw export and the coders' sheets.

Nothing drawn here estimates anything; `data/standin.yml` says what each parameter is for.
"""
