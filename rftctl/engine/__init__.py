"""The training engine: the loop, the seam to the tensors, and the embedded torch backend.

In: a model, examples, a grader. Out: checkpoints and reports. Importing this loads nothing heavy.
"""
