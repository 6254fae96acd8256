"""Turns a trained Transformer-XL into the .onnx file that jamd plays, and proves that they are one."""
