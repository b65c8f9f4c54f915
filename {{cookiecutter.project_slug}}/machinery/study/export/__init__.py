"""Downloads of the participants' data.

download     the files of `study data`, from the database to the report
filters      which participants are taken
records      what a participant's record holds, as rows
csv_format   tables as CSV and Parquet, and what their columns hold
codebook     what the files, columns and values mean
"""
