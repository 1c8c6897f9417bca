"""What was published, told to a person: figures, plots and the report made of them. Pure."""
