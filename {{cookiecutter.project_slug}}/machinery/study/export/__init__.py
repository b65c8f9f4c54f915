"""Downloads the participants' data: `study data`.

One module for each subject:

    command     the whole download
    choice      which participants are wanted
    source      psiTurk's table, as it is at one moment
    parts       some participants at a time, side by side; what is made is found again
    tables      the files that are made: participants, trials, events, answers
    contents    what a record holds, as rows
    vocabulary  texts that come again and again, read sooner
    cells       rows as CSV
    observed    what columns hold, for the codebook and for Parquet
    report      what was read, written and left out
    psiturk     psiTurk's own three files
"""

from study.export.filters import EVERYBODY, Choice, read_choice
from study.export.pseudonyms import read_key
from study.export.source import Source

__all__ = ["EVERYBODY", "Choice", "Source", "read_choice", "read_key"]
