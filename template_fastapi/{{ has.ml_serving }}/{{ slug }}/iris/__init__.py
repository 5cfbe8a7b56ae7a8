"""An example that you own: a model that predicts the species of an iris. See docs/models.md."""
