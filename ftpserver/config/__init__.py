"""The settings of the service: read from one YAML file, checked whole, frozen.

`fault` says what is wrong and where, `document` reads YAML with line numbers, `validation` joins a document
and a model, `sizes` reads and writes "10MiB", `settings` is the model itself, `template` the shipped,
documented file.
"""
