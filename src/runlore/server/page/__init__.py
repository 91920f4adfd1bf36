"""The web page: the built files of `ui/`, served so that browsers keep them and nothing else can run in them."""
