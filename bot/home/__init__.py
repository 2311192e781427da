"""App Home: what each person sees of their own, and when it is published again."""
