"""Bonuses: who gets one, and the files from which they are paid.

One module for each subject:

    rules      what custom.py can decide
    bonuses    asks its rule about everybody: `study bonuses`
    ledger     who was written to a file before

Each recruiter's form of the file is in study.recruiters.
"""
