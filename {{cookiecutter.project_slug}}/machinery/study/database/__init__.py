"""The study's database.

schema        the tables: psiTurk's participants with two more columns, and the study's own
engine        connections to PostgreSQL and SQLite
participants  a participant's row and record, as the server reads and changes them
conditions    the rule that assigns conditions
reader        read-only access for the commands
"""
