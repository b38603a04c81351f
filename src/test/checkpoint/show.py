#!/usr/bin/env python3
"""Reads checkpoints without Warpstep: python3 src/test/checkpoint/show.py FILE...

Checks each file against the safetensors format and its checksums with nothing but struct and json, and prints what is in it.
With the package safetensors installed (0.8.0 was tried), its reader must find the same bytes.
"""
import json
import struct
import sys

try:
    import safetensors
except ImportError:
    safetensors = None

WIDTH = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    TABLE.append(n)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return "%08x" % (crc ^ 0xFFFFFFFF)


for path in sys.argv[1:]:
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack_from("<Q", content)
    header, data = content[8 : 8 + length], content[8 + length :]
    tensors = json.loads(header)
    metadata = tensors.pop("__metadata__")
    own = metadata["warpstep.crc32c"].encode()
    assert crc32c(content[:8] + header.replace(own, b"0" * 8, 1)) == own.decode()
    end = 0
    for name, tensor in tensors.items():
        begin, stop = tensor["data_offsets"]
        size = WIDTH[tensor["dtype"]]
        for dimension in tensor["shape"]:
            size *= dimension
        assert begin == end and stop - begin == size, name
        assert (8 + length + begin) % WIDTH[tensor["dtype"]] == 0, name
        assert crc32c(data[begin:stop]) == metadata["warpstep.crc32c." + name], name
        end = stop
    assert end == len(data)
    if safetensors:
        theirs = dict(safetensors.deserialize(content))
        assert theirs.keys() == tensors.keys()
        for name, tensor in theirs.items():
            begin, stop = tensors[name]["data_offsets"]
            assert bytes(tensor["data"]) == data[begin:stop] and tensor["shape"] == tensors[name]["shape"], name
    for key, value in metadata.items():
        if not key.startswith("warpstep.crc32c"):
            print(f"{key!r}: {value!r}")
    for name, tensor in tensors.items():
        print(f"{name!r}: {tensor['dtype']} {tensor['shape']}")
    print(f"{path}: right, {len(tensors)} tensors" + (f", also for safetensors {safetensors.__version__}" if safetensors else ""))
