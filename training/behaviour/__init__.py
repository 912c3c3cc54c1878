"""Abilities taught and tested by construction: the label follows from how a sentence was built.

After CheckList (Ribeiro et al. 2020, arXiv:2005.04118); templates and words are our own.
"""
