/* SPDX-License-Identifier: MIT */
#include "tensor/wave.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/reader.h"

enum { CODEC_PCM = 1, CODEC_FLOAT = 3, CODEC_EXTENSIBLE = 0xfffe };

struct format {
	unsigned codec, channels, bits;
	uint32_t rate;
};

static uint32_t little(const unsigned char *bytes, int count)
{
	uint32_t value = 0;
	for (int i = 0; i < count; i++)
		value |= (uint32_t)bytes[i] << 8 * i;
	return value;
}

static enum err parse_format(const unsigned char *chunk, uint64_t size, struct format *format, struct err_info *info)
{
	if (size < 16)
		return err_set(info, ERR_FORMAT, "the fmt chunk has %llu bytes where 16 are needed", (unsigned long long)size);
	format->codec = little(chunk, 2);
	format->channels = little(chunk + 2, 2);
	format->rate = little(chunk + 4, 4);
	format->bits = little(chunk + 14, 2);
	if (format->codec == CODEC_EXTENSIBLE && size >= 26)
		format->codec = little(chunk + 24, 2);
	bool integers = format->codec == CODEC_PCM && (format->bits == 8 || format->bits == 16 || format->bits == 24 || format->bits == 32);
	if (!integers && !(format->codec == CODEC_FLOAT && format->bits == 32))
		return err_set(info, ERR_UNSUPPORTED, "samples of codec %u with %u bits: wanted PCM of 8, 16, 24 or 32 bits, or 32-bit floats",
			       format->codec, format->bits);
	if (format->channels == 0 || format->rate == 0 || format->rate > INT32_MAX)
		return err_set(info, ERR_FORMAT, "%u channels at %lu samples a second", format->channels, (unsigned long)format->rate);
	return ERR_OK;
}

static float decode(const unsigned char *bytes, const struct format *format)
{
	int width = (int)format->bits / 8;
	uint32_t raw = little(bytes, width);
	if (format->codec == CODEC_FLOAT) {
		float value;
		memcpy(&value, &raw, sizeof value);
		return value >= -1 && value <= 1 ? value : value > 1 ? 1 : value < -1 ? -1 : 0;
	}
	if (width == 1)
		return ((float)raw - 128) / 128;
	return (float)(int32_t)(raw << (32 - format->bits)) / 2147483648.0f;
}

static enum err decode_data(struct wave *wave, const unsigned char *data, uint64_t size, const struct format *format, struct err_info *info)
{
	uint64_t width = format->bits / 8, frame = width * format->channels;
	wave->count = (int64_t)(size / frame);
	wave->rate = (int32_t)format->rate;
	wave->sample = mem_array((size_t)wave->count, sizeof *wave->sample);
	if (!wave->sample)
		return err_nomem(info, "the sound");
	for (int64_t i = 0; i < wave->count; i++) {
		float sum = 0;
		for (unsigned channel = 0; channel < format->channels; channel++)
			sum += decode(data + (uint64_t)i * frame + channel * width, format);
		wave->sample[i] = sum / (float)format->channels;
	}
	return ERR_OK;
}

enum err wave_parse(struct wave *wave, const unsigned char *bytes, uint64_t size, struct err_info *info)
{
	struct format format = { 0 };
	*wave = (struct wave){ 0 };
	if (size < 12 || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0)
		return err_set(info, ERR_FORMAT, "not a RIFF/WAVE file");
	for (uint64_t at = 12; size - at >= 8;) {
		uint64_t length = little(bytes + at + 4, 4), there = size - at - 8;
		const unsigned char *chunk = bytes + at + 8;
		if (memcmp(bytes + at, "fmt ", 4) == 0) {
			enum err err = parse_format(chunk, length < there ? length : there, &format, info);
			if (err)
				return err;
		}
		if (memcmp(bytes + at, "data", 4) == 0) {
			if (!format.channels)
				return err_set(info, ERR_FORMAT, "the data chunk comes before the fmt chunk");
			return decode_data(wave, chunk, length < there ? length : there, &format, info);
		}
		if (length + (length & 1) > there)
			break;
		at += 8 + length + (length & 1);
	}
	return err_set(info, ERR_FORMAT, "there is no data chunk");
}

enum err wave_open(struct wave *wave, const char *file, struct err_info *info)
{
	struct bytes bytes;
	*wave = (struct wave){ 0 };
	enum err err = bytes_open(&bytes, file, info);
	if (!err) {
		err = wave_parse(wave, bytes.data, bytes.size, info);
		bytes_release(&bytes);
	}
	if (err && info)
		err_in_file(info, file);
	return err;
}

void wave_release(struct wave *wave)
{
	free(wave->sample);
	*wave = (struct wave){ 0 };
}
