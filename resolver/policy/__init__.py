"""Who, when, what -> decision. Pure: values and time in, a decision out."""
