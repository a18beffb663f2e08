"""Captions by a tagger that the operator put beside the engine: model.onnx and selected_tags.csv, as WD taggers come."""
