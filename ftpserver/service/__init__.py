"""The service around the connections: who may come, one process or several, reload, drain, `who` and `kick`."""
