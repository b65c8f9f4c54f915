"""Downloads of the participants' data: `study data`."""
