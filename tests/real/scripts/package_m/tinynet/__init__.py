from .model import Perceptron

__version__ = "0.1"
__all__ = ["Perceptron"]
