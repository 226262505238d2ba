"""The command `report`: one page, CSV and JSON of many trainings. Needs no JAX."""
