"""Is the study ready for participants? `study check`.

One module for each subject:

    command      looks at everything and says what needs attention
    recruiting   what it finds about addresses, codes, previews and exclusion
    seen         what is looked at, asked for once
"""
