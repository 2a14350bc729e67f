from projects import project

__all__ = ["project"]
