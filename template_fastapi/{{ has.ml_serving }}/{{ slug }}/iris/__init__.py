"""An example: a model that names the species of an iris. It is yours: docs/models.md."""
