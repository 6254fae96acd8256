"""The model at work: the session with its ring memory, and sampling. The only room with onnxruntime."""
