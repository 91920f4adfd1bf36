"""The checksum CRC-32C, masked as LevelDB does, and TensorFlow and RocksDB after it."""

from __future__ import annotations


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _table()


def masked_crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of the data, masked: rotated, with a constant added, so that a checksum of checksums is none.

    Example:
        >>> hex(masked_crc32c(b"123456789"))
        '0xc78ab0e5'
    """
    crc, table = 0xFFFFFFFF, _CRC32C
    for byte in bytes(data):
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
