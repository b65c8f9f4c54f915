"""Robots that take part in the study in a real browser: `study try`.

A robot's page is driven from outside, with real clicks and keys (participant.py); robot.js, which
looks at the page as a person does, decides what it does there. Playwright is imported inside
functions: only the researcher's machine has it.
"""
