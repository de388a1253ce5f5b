"""What is in force: numbered manifests, content-hashed files, one pointer, and the way to move it."""
