"""The machinery between psiTurk and its host. A researcher rarely needs to open it."""
