"""The storage room: the jail, the files in it, and what an upload puts there or takes away.

`base` is the interface the service is written against. `local` is the one that keeps files in a directory of
this machine; `jail` is its only resolver of paths.
"""
