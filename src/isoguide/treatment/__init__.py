"""One fraction: set up, image, align, approve, move, verify, treat; the ports to the devices of the room."""
