import struct

with open("/dev/urandom", "rb") as f:
    values = [struct.unpack("<H", f.read(2))[0] / 65535 for _ in range(1000)]
print("mean:", sum(values) / len(values))
print("max:", max(values))
