"""The notations of lists, one file each; `table` is the one place to add one."""
