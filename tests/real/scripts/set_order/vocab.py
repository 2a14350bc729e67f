import json
from collections import Counter

text = open("corpus.txt").read().lower().split()
vocab = {w: i for i, w in enumerate(set(text))}
print("first words:", list(vocab)[:8])
bigrams = Counter(zip(text, text[1:]))
print("most common:", bigrams.most_common(3))
json.dump(vocab, open("vocab.json", "w"))
print("hash bucket:", hash("anna") % 1024)
