"""From CT to radiograph, and from radiographs to cone-beam CT."""
