"""Training of LoRAs: from pictures with captions to a file that every program reads.

All chance is drawn from the seed and the place in the run (step, epoch, item), never from a generator that runs along.
So a step that is tried again after memory ran out is the same step, and a run that was killed goes on to the same bits.
"""
