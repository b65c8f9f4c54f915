"""What the database holds and how it is changed.

One module for each subject:

    tables       psiTurk's table of participants with two more columns, and the study's own
    triggers     counters that the database keeps itself
    statements   how the server asks
    records      a participant's row: made once, saved in order, never set back
    entries      what a browser adds to a record at its end
    conditions   how many count in each condition
    design       which condition comes next
"""
