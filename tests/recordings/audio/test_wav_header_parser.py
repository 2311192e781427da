"""WAV headers as PolyAI may send them, and everything else that may come instead."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.recordings.audio import wav_errors as wav
from bot.recordings.audio.wav_header import WavHeader
from bot.recordings.audio.wav_header_parser import MAX_HEADER_BYTES, parse_wav_header
from tests.tables import each_row


def fmt(tag=1, channels=1, rate_hz=8000, bits=16, *, byte_rate=None, extra=b""):
    block = channels * -(-bits // 8)
    rate = rate_hz * block if byte_rate is None else byte_rate
    content = struct.pack("<HHIIHH", tag, channels, rate_hz, rate & 0xFFFFFFFF, block, bits) + extra
    return chunk(b"fmt ", content)


def chunk(name, content, *, size=None):
    return name + struct.pack("<I", len(content) if size is None else size) + content + (
        b"\0" if len(content) % 2 else b""
    )  # fmt: skip


def riff(*chunks, size=None, magic=b"RIFF", kind=b"WAVE"):
    content = kind + b"".join(chunks)
    return magic + struct.pack("<I", len(content) if size is None else size) + content


def data(size_bytes=1600, *, size=None):
    return chunk(b"data", bytes(size_bytes), size=size)


def noise(size_bytes=1600, *, size=None):
    return chunk(b"data", b"\1\2" * (size_bytes // 2), size=size)


def parse(body, *, complete=True):
    return parse_wav_header(body, complete=complete)


@each_row(
    ("tag", "channels", "rate_hz", "bits", "bytes_per_second"),
    [
        (1, 1, 8000, 16, 16_000),
        (1, 2, 44_100, 24, 264_600),
        (1, 1, 8000, 12, 16_000),
        (3, 1, 16_000, 32, 64_000),
        (6, 1, 8000, 8, 8000),
        (7, 2, 8000, 8, 16_000),
    ],
)
def test_the_usual_formats_are_read(tag, channels, rate_hz, bits, bytes_per_second):
    # The redundant byte rate of the header is not trusted.
    body = riff(fmt(tag, channels, rate_hz, bits, byte_rate=0), data(1600))
    assert parse(body) == WavHeader(
        tag, channels, rate_hz, bits, bytes_per_second, 44, len(body), 1600, "RIFF"
    )


SUB_FORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def extensible(sub_tag, tail=SUB_FORMAT_TAIL, **form):
    extra = struct.pack("<HHIH", 22, 16, 0, sub_tag) + tail
    return fmt(0xFFFE, extra=extra, **form)


@each_row(
    ("form", "tag", "named"),
    [
        (extensible(1), 1, None),
        (extensible(3, bits=32), 3, None),
        (extensible(7, bits=8), 7, None),
        (extensible(0x31, bits=0), 0x31, "GSM 6.10"),
        (extensible(1, tail=bytes(14)), 0xFFFE, "WAV format 0xfffe"),
        (fmt(0xFFFE), 0xFFFE, "WAV format 0xfffe"),
    ],
)
def test_an_extensible_header_is_resolved_to_its_own_format(form, tag, named):
    header = parse(riff(form, data()))
    assert (header.format_tag, header.unusual_encoding) == (tag, named)


def long_sizes(riff_bytes, data_bytes):
    return chunk(b"ds64", struct.pack("<QQQI", riff_bytes, data_bytes, 0, 0))


UNKNOWN = 0xFFFF_FFFF


def rf64(sizes, *, magic=b"RF64"):
    return riff(sizes, fmt(), data(size=UNKNOWN), size=UNKNOWN, magic=magic)


@each_row(
    ("body", "named", "data_bytes", "seconds"),
    [
        (riff(fmt(0x31, byte_rate=1625, bits=0), data(3250)), "GSM 6.10", 3250, 2.0),
        (riff(fmt(0x11, byte_rate=4055, bits=4), data(4055)), "IMA ADPCM", 4055, 1.0),
        (riff(fmt(2, byte_rate=4096, bits=4), data(4096)), "Microsoft ADPCM", 4096, 1.0),
        (riff(fmt(0x55, byte_rate=0), data(1600)), "MP3", 1600, None),
        (riff(fmt(0x1234, byte_rate=1600), data(1600)), "WAV format 0x1234", 1600, 1.0),
        (rf64(long_sizes(1680, 1600)), "RF64", 1600, 0.1),
        (rf64(long_sizes(0, 0), magic=b"BW64"), "BW64", None, 0.1),
        (rf64(b""), "RF64", None, 0.1),
        (riff(fmt(0x11, byte_rate=1600, bits=4), data(), magic=b"RF64"),
         "IMA ADPCM in RF64", 1600, 1.0),
    ],
)  # fmt: skip
def test_an_encoding_that_players_may_not_support_is_read_and_named(
    body, named, data_bytes, seconds
):
    header = parse(body)
    assert (header.unusual_encoding, header.data_bytes) == (named, data_bytes)
    assert header.length_seconds(len(body)) == seconds


def test_a_big_endian_wav_is_read_in_its_byte_order():
    form = struct.pack(">4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16_000, 2, 16)
    body = b"RIFX" + struct.pack(">I", 1636) + b"WAVE" + form + b"data" + struct.pack(">I", 1600)
    header = parse(body + bytes(1600))
    assert (header.unusual_encoding, header.sample_rate_hz) == ("RIFX", 8000)
    assert (header.declared_bytes, header.length_seconds(1644)) == (1644, 0.1)


LIST = chunk(b"LIST", b"INFOabcd")


@each_row(
    "body",
    [
        riff(fmt(), data(0)),
        riff(fmt(), data(0), size=0),
        riff(fmt(), data(0), size=UNKNOWN),
        riff(fmt(), data(0), LIST),
        riff(fmt(), data(0), chunk(b"fact", bytes(4)), LIST),
        riff(data(0), fmt()),
    ],
)
def test_a_header_without_audio_is_an_empty_body(body):
    with pytest.raises(wav.EmptyBody):
        parse(body)


@each_row(
    ("body", "data_bytes"),
    [
        (riff(fmt(), data(0), b"\0\1\2\3" * 400), None),
        (riff(fmt(), data(0), b"\0\1"), None),
        (riff(fmt(), data(0), LIST, data(1600)), 1600),
        (riff(fmt(), data(0), data(1600)), 1600),
    ],
)
def test_an_empty_data_chunk_before_the_audio_is_skipped(body, data_bytes):
    header = parse(body)
    assert header.data_bytes == data_bytes
    assert header.audio_bytes(len(body)) == len(body) - header.data_offset > 0


def test_chunks_before_the_audio_are_skipped_and_odd_sizes_are_padded():
    form = fmt(7, bits=8, extra=b"\0\0")
    body = riff(chunk(b"LIST", b"INFOx"), form, chunk(b"fact", bytes(4)), fmt(1), data())
    header = parse(body)
    assert body[header.data_offset - 8 : header.data_offset - 4] == b"data"
    assert (header.format_tag, header.declared_bytes) == (7, len(body))


@each_row(
    ("body", "declared_bytes", "data_bytes"),
    [
        (riff(fmt(), data(), size=0), 1644, 1600),
        (riff(fmt(), data(), size=0xFFFFFFFF), 1644, 1600),
        (riff(fmt(), data(), size=0x7FFFFFFF), 1644, 1600),
        (riff(fmt(), data(), size=1644), 1644, 1600),  # its size includes its own header
        (riff(fmt(), data(), size=4), None, 1600),
        (riff(fmt(), data(), size=36 + 1599), None, 1600),
        (riff(fmt(), noise(size=0)), None, None),
        (riff(fmt(), data(size=0xFFFFFFFF)), None, None),
        (riff(fmt(), data(size=0x7FFFFFFF)), None, None),
        (riff(fmt(), data(size=0x7FFFFFDB), size=0x7FFFFFFF), None, None),
        (riff(fmt(), data(size=0x80000000)), None, None),
        (riff(fmt(), data(), size=36 + 1600), 1644, 1600),
        (riff(fmt(), data(), chunk(b"LIST", b"INFO")), 1656, 1600),
    ],
)
def test_sizes_that_a_streaming_writer_did_not_know_are_unknown(body, declared_bytes, data_bytes):
    header = parse(body)
    assert (header.declared_bytes, header.data_bytes) == (declared_bytes, data_bytes)


@each_row(
    ("size", "total_bytes", "seconds"),
    [
        (None, 1644, 0.1),
        (None, 2000, 0.1),  # bytes after the audio are not played
        (None, 844, 0.05),
        (None, 44, 0.0),
        (None, 43, 0.0),
        (0, 16_044, 1.0),
    ],
)
def test_the_length_is_computed_from_the_bytes(size, total_bytes, seconds):
    assert parse(riff(fmt(), noise(size=size))).length_seconds(total_bytes) == seconds


@each_row(
    ("body", "error", "cause"),
    [
        (b"", wav.EmptyBody, "not ready yet"),
        (b"R", wav.BodyTruncated, "broke off"),
        (b"RIFF\0\0", wav.BodyTruncated, "broke off"),
        (riff(fmt()), wav.BodyTruncated, "broke off"),
        (riff(fmt(), data())[:30], wav.BodyTruncated, "still being recorded"),
        (riff(fmt(), data())[:43], wav.BodyTruncated, "still being recorded"),
        (riff(fmt(), chunk(b"LIST", b"", size=500)), wav.BodyTruncated, "broke off"),
        (b"<html><body>busy", wav.HtmlInstead, "wrong host"),
        (b"\n\n <!DOCTYPE html>", wav.HtmlInstead, "gateway"),
        (b"\xef\xbb\xbf<?xml version", wav.HtmlInstead, "gateway"),
        (b'{"success": false}', wav.JsonInstead, "failure as if it were a success"),
        (b"  [1]", wav.JsonInstead, "failure as if"),
        (b"ID3\x04mp3", wav.NotWav, "another audio format"),
        (b"OggS", wav.NotWav, "another audio format"),
        (b"\xef\xbb", wav.NotWav, "another audio format"),
        (b"   ", wav.NotWav, "another audio format"),
        (riff(kind=b"AVI "), wav.NotWav, "other than audio"),
        (riff(data()), wav.DamagedHeader, "how its audio is to be read"),
        (riff(fmt(channels=0), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(channels=65), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(rate_hz=0), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(rate_hz=10**6), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(bits=0), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(bits=65), data()), wav.DamagedHeader, "written wrongly"),
        (riff(chunk(b"fmt ", bytes(14)), data()), wav.DamagedHeader, "written wrongly"),
        (riff(fmt(), chunk(b"JUNK", b"", size=70_000)), wav.DamagedHeader, "first 64 KiB"),
    ],
)
def test_each_other_kind_of_body_has_its_own_error(body, error, cause):
    with pytest.raises(error) as caught:
        parse(body)
    assert type(caught.value) is error
    assert cause in caught.value.likely_cause
    assert caught.value.retryable is (error in (wav.EmptyBody, wav.BodyTruncated))


def test_endless_white_space_is_refused_within_the_header_limit():
    assert parse(b" " * (MAX_HEADER_BYTES - 1), complete=False) is None
    with pytest.raises(wav.NotWav):
        parse(b" " * MAX_HEADER_BYTES + b"<", complete=False)


@each_row(
    "prefix",
    [
        b"", b"R", b"RIF", b"RF6", b"BW", b"RIFF", b"RIFF\0\0\0\0WAV",
        b" ", b"\xef", b"\xef\xbb\xbf ",
    ],
)  # fmt: skip
def test_a_possible_start_of_a_header_waits_for_more_bytes(prefix):
    assert parse(prefix, complete=False) is None


def test_a_header_is_returned_as_soon_as_its_last_byte_is_there():
    body = riff(chunk(b"LIST", b"INFOx"), fmt(), data())
    whole = parse(body)
    for length in range(whole.data_offset):
        assert parse(body[:length], complete=False) is None
    for length in range(whole.data_offset, len(body)):
        assert parse(body[:length], complete=False) == whole


def outcome(prefix, *, complete):
    try:
        return parse(prefix, complete=complete)
    except wav.WavError as error:
        return type(error)


CHUNKS = st.tuples(
    st.sampled_from([b"fmt ", b"data", b"LIST", b"fact", b"\0\0\0\0"]),
    st.sampled_from(
        [struct.pack("<HHIIHH", tag, 1, 8000, 16000, 2, 16) + bytes(24) for tag in (1, 2, 0xFFFE)]
    )
    | st.sampled_from([b"", b"x", bytes(20)])
    | st.binary(max_size=30),
    st.none() | st.integers(0, 0xFFFFFFFF),
).map(lambda parts: chunk(parts[0], parts[1], size=parts[2]))
BODIES = (
    st.binary(max_size=80)
    | st.lists(CHUNKS, max_size=4).map(lambda chunks: riff(*chunks))
    | st.lists(CHUNKS, max_size=4).map(lambda chunks: riff(fmt(), *chunks))
    | st.tuples(
        st.sampled_from([b"\xef\xbb\xbf", b" \n", b"RIFF", b"RI", b""]), st.binary(max_size=9)
    ).map(b"".join)
)


@given(BODIES)
def test_any_body_gives_a_consistent_header_or_a_wav_error(body):
    header = outcome(body, complete=True)
    assert header is not None
    if isinstance(header, WavHeader):
        assert body[header.data_offset - 8 :].startswith(b"data")
        assert header.data_offset <= min(len(body), MAX_HEADER_BYTES)
        assert (header.length_seconds(len(body)) or 0) >= 0
        if header.unusual_encoding is None:
            assert header.bytes_per_second >= header.channels * header.sample_rate_hz > 0
        if header.declared_bytes is not None:
            assert header.declared_bytes >= header.data_offset + header.data_bytes


@given(BODIES, st.integers(0, 200))
def test_more_bytes_never_change_a_result(body, cut):
    early = outcome(body[:cut], complete=False)
    if early is not None:
        assert outcome(body, complete=False) == early
        assert outcome(body, complete=True) == early
