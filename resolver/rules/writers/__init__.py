"""Rules → lists, one file for each notation; what a notation cannot say is refused, never changed."""
