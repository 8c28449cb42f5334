/* SPDX-License-Identifier: MIT */
#include "tensor/gzip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"

enum { FIRST = 1 << 16, PART = 1 << 30, GZIP_WINDOW = 15 + 16 };

bool gzip_probe(const unsigned char *head, size_t size)
{
	return size >= 3 && head[0] == 0x1f && head[1] == 0x8b && head[2] == Z_DEFLATED;
}

struct unpacking {
	z_stream stream;
	const struct bytes *in;
	uint64_t taken;
	void *out;
	size_t size, capacity;
};

/* Give zlib the next part of both sides; its counters hold 32 bits. */
static bool offer(struct unpacking *unpacking)
{
	uint64_t left = unpacking->in->size - unpacking->taken;
	size_t room = unpacking->capacity - unpacking->size;
	if (room == 0 && !mem_grow(&unpacking->out, &unpacking->capacity, unpacking->size + FIRST, 1))
		return false;
	room = unpacking->capacity - unpacking->size;
	unpacking->stream.next_in = (unsigned char *)unpacking->in->data + unpacking->taken;
	unpacking->stream.avail_in = (uInt)(left < PART ? left : PART);
	unpacking->stream.next_out = (unsigned char *)unpacking->out + unpacking->size;
	unpacking->stream.avail_out = (uInt)(room < PART ? room : PART);
	return true;
}

static enum err unpack(struct unpacking *unpacking, struct err_info *info)
{
	while (unpacking->taken < unpacking->in->size) {
		if (!offer(unpacking))
			return err_nomem(info, "the unpacked file");
		uInt in = unpacking->stream.avail_in, out = unpacking->stream.avail_out;
		int code = inflate(&unpacking->stream, Z_NO_FLUSH);
		unpacking->taken += in - unpacking->stream.avail_in;
		unpacking->size += out - unpacking->stream.avail_out;
		if (code == Z_MEM_ERROR)
			return err_nomem(info, "the unpacked file");
		if (code == Z_STREAM_END && unpacking->taken == unpacking->in->size)
			return ERR_OK;
		if (code == Z_STREAM_END)
			code = inflateReset(&unpacking->stream);
		if (code != Z_OK && !(code == Z_BUF_ERROR && unpacking->stream.avail_out == 0)) {
			err_set(info, ERR_FORMAT, "its gzip data are damaged: %s", unpacking->stream.msg ? unpacking->stream.msg : "they go on as they may not");
			return info ? err_at(info, unpacking->taken) : ERR_FORMAT;
		}
	}
	return err_set(info, ERR_FORMAT, "truncated: its gzip data have no end");
}

enum err gzip_unpack(struct bytes *bytes, struct err_info *info)
{
	struct unpacking unpacking = { .in = bytes };
	if (inflateInit2(&unpacking.stream, GZIP_WINDOW) != Z_OK)
		return err_nomem(info, "the unpacked file");
	enum err err = unpack(&unpacking, info);
	inflateEnd(&unpacking.stream);
	if (!err && !unpacking.out)
		err = err_set(info, ERR_FORMAT, "the file is empty once it is unpacked");
	if (err) {
		free(unpacking.out);
		return err;
	}
	bytes_release(bytes);
	*bytes = (struct bytes){ .data = unpacking.out, .size = unpacking.size };
	return ERR_OK;
}
