"""What the server answers: the pages and requests of participants.

One module for each subject:

    entrance        from a recruiter's link over the invitation to the consent page
    participation   the task: who may begin it, reload it, resume it
    saving          the record of a participant
    endings         how a participation ends, and where the participant is sent from there
    service         what these routes share
    access          who may read and change a record
    throttle        how often one client may fail to prove that
    incidents       counters of what a researcher should hear of
    browsers        which browsers a study turns away
    refusals        the errors that psiTurk numbers
    failures        answers to requests that fail
    edges           https, headers, and which addresses exist
    statics         files of the experiment, compressed and kept by browsers
    shelf           files that are read once
    worker          how long connections are kept
    logs            what the logs may say
"""
