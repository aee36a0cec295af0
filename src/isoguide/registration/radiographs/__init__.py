"""Where the patient lies, seen in one or more X-ray images of known geometry."""
