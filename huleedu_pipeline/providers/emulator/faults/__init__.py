"""The fault script: what goes wrong at the emulator, at which call, how often.

Here: the kinds of faults with what each does to bytes, JSON and replies, all pure; the script that orders them. Not here:
the memory of what has fired (``fault_book``) and the HTTP side (``interference``).
"""
