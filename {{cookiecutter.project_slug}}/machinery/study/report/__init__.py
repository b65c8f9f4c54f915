"""`study report`: one HTML page about the data in a folder of `study data`.

The page needs nothing but itself: no script, no network. It is made of whatever the files hold;
what cannot be read is named in it with its file and line, and ends nothing.
"""
