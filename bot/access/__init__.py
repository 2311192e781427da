"""Who may hear what, where: the decision, the rights and the audience."""
