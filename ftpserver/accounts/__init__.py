"""The users of the service: one YAML file each, named after the login name.

`account` is the checked value, `store` reads files, `editor` changes them and keeps their comments.
"""
