"""What happened, kept: a database and an image store that lose nothing and notice every change."""
