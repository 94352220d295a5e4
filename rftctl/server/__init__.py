"""The fine-tuning API over the embedded engine.

In: HTTP requests (in process or on loopback). Out: the API's replies, and detached workers that train.
`app.create_app` is the way in; `serve.serve` puts it on loopback.
"""
