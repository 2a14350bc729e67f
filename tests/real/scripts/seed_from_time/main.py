import random
import time

random.seed(time.time())
deck = list(range(52))
random.shuffle(deck)
print("hand:", deck[:5])
print("score:", sum(deck[:5]) / 5)
