"""The GPU engine: commands as JSON lines on stdin, events on file descriptor 3, files for anything big.

diffusers is used as a library of models and schedulers only. Text encoders, tokenizer, prompt grammar, LoRA and the
sampling loop are ours, because the pipelines depend on versions of transformers that break clip skip and LoRA.
"""

__version__ = "0.1.0"
PROTOCOLS = [1]
