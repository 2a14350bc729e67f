"""Topological order where ties fall by memory address, as sets of objects do."""


class Node:
    def __init__(self, name):
        self.name = name
        self.next = set()


nodes = [Node(i) for i in range(300)]
for i, node in enumerate(nodes):
    node.next |= {nodes[(i * 7 + k) % 300] for k in range(1, 4)}
seen, order = set(), []
stack = {nodes[0]}
while stack:
    node = stack.pop()
    if node in seen:
        continue
    seen.add(node)
    order.append(node.name)
    stack |= node.next
print("order:", order[:20])
print("checksum:", sum(i * n for i, n in enumerate(order)))
