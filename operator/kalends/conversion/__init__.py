"""From each version of the API to the engine's definition, and back: no version is mapped to another directly."""
