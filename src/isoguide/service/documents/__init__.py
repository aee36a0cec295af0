"""What the service takes in and gives out, as strict JSON documents."""
