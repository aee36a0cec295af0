"""What is drawn of a course and its fractions: computed from the files in the image store, as numbers."""
