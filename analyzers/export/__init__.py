"""Models of training frameworks written as ONNX, on a machine that has those."""
