"""The conformance table as data: every fault, the right outcome, and how a run through it is measured."""
