"""What requests and answers look like, as pydantic models; the document of the API is made from them."""
