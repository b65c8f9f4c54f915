"""Bringing a study that an older version of the template made to a newer one: `study update`.

    origin     what the study was made from: the template's address, its commit, the answers
    rendering  what a version of the template makes of these answers
    trees      git's trees as lists of files
    merging    the update as one commit, cherry-picked onto the study
    news       what CHANGELOG.md says of it
    report     what was merged, what is left to a person, what to type next
    updating   all of these together

The newer version does it, never the older one that the study has: `study update` fetches the
template and runs its update.py. Standard library only, for nothing of the study is installed there.
"""
