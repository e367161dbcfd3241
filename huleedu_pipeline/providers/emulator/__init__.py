"""A local server that speaks OpenAI's and Anthropic's wire formats, live and batch, and judges essay pairs by itself.

Here: the server, its simulated judges, its durable state and its launcher. Not here: anything of the pipeline, which
meets this package only over HTTP and through :mod:`.config` and :mod:`.launcher`. Nothing is imported on the way in, so
that starting the server stays quick.
"""
