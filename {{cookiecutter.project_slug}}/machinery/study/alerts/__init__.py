"""Messages to the researcher's chat when something is wrong, and when it is over.

`rules` says what is wrong in a `Snapshot`, `looking` takes one, `monitor` looks every few seconds,
in one process of all, and `posting` sends what is new to the address in the config var ALERT_URL.
"""
