/* SPDX-License-Identifier: MIT */
/*
 * Files that hold tensors. Content beats extension; each format is a row of the reader table, from which messages and help take its name.
 *
 * An .npy file holds one array, called as the file is, or several, one after another (numpy.save twice into one open file), which are called
 * 0, 1, ... in their order. Bytes after the last array are ERR_FORMAT.
 *
 * Limits: what is allocated is bounded by the file's real size (inflated .npz members by what they declare, which is checked
 * against the ratio that deflate can reach, 1032 : 1, and against what is there). Every offset and product is checked before
 * it is used.
 */
#ifndef ATTNVIZ_TENSOR_READER_H
#define ATTNVIZ_TENSOR_READER_H

#include "base/error.h"
#include "base/strbuf.h"
#include "tensor/tensor.h"

/* An open file with its tensors. Tensors, names and data live as long as the archive. */
struct archive {
	char *file;             /* as the user gave it; "-" is shown as "standard input" */
	const char *format;     /* the reader's name: "npy", "npz", "safetensors", ... */
	struct tensor *tensor;  /* in file order */
	size_t count;
	size_t skipped;         /* members that are no numeric arrays */
	char *skipped_name;     /* the first of them, and why: "tokens (text, not numbers)" ; NULL where there is none */
	bool unnamed;           /* its tensors have no names of their own: one is called as the file, several by their places, 0, 1, 1.0 */
	bool sequence;          /* arrays one after another: each mention of a stream may take the next */
	size_t taken;           /* of a stream: how many of its arrays have been asked for by archive_take */
	void *state;            /* the reader's: mapping, inflated members */
	const struct reader *reader;
};

/* The bytes of a file: mapped where it is a regular file (base/mapped.h says what happens when it changes), read to the end where it is
 * a pipe. Of a pipe that has a name, a FIFO or a process substitution, what was read stays for the run: opened again it is the same. */
struct bytes {
	const unsigned char *data; /* never NULL after success; 8 bytes alignment at least */
	uint64_t size;
	bool mapped;
	bool kept; /* by the list of pipes */
};
/* What was read of a mapped file so far need not stay in memory: it is read again where it is wanted. Any thread may be reading meanwhile. */
void bytes_forget(const struct bytes *bytes);

enum err bytes_open(struct bytes *bytes, const char *file, struct err_info *info); /* "-" is standard input */

/* The same, but of a pipe the first bytes are shown to `accept` before the rest is read: false ends the reading there, and
 * the bytes so far are returned (so that an endless stream of something else is not read). */
enum err bytes_open_if(struct bytes *bytes, const char *file, bool (*accept)(const unsigned char *head, size_t size), struct err_info *info);

/* The beginning at least, for those who ask what is in it; it can be opened afterwards. Valid until then where it is a pipe. Not for
 * standard input, which is read once. */
enum err bytes_peek(struct bytes *bytes, const char *file, struct err_info *info);
void bytes_release(struct bytes *bytes); /* works on a zeroed struct */

struct reader {
	const char *name;
	const char *suffixes;                                          /* ".npz", ".pt .pth" */
	bool (*probe)(const unsigned char *head, size_t size);         /* the first bytes say that it is this format */
	/* List the tensors. Takes over `bytes` on success (and zeroes it), or before a failure where archive->state has them. Members that are no numeric arrays (unicode,
	 * object) are left out of the list of an archive and counted, and are ERR_UNSUPPORTED where they are the only content
	 * (.npy). */
	enum err (*open)(struct archive *archive, struct bytes *bytes, struct err_info *info);
	/* Make tensor->data valid (inflate a member). NULL: always valid. */
	enum err (*load)(struct archive *archive, struct tensor *tensor, struct err_info *info);
	/* bytes_forget on what it maps. NULL: it keeps its data in memory. */
	void (*forget)(const struct archive *archive);
	void (*close)(struct archive *archive);
};

extern const struct reader *const reader_table[]; /* NULL-terminated */

/* ".npy, .pt, .npz and .pkl": every format, for messages and help; with `all`, all endings: ".pt (.pth, .bin)". `last` is the word before the last one. */
void reader_list_formats(struct strbuf *out, const char *last, bool all);

/* The length of a file's name without the ending that one of the readers has. */
size_t reader_stem_length(const char *name);

/* The part of a path after the last slash: what the file is called. A descriptor (/dev/fd/63, which a process substitution gives) has a
 * number and no name: it is called "pipe", and nobody takes the number for that of a layer. */
const char *archive_base_name(const char *path);

/* Open by content; where the content is of no known format, by the suffix, so that the error says what is wrong with it. */
enum err archive_open(struct archive *archive, const char *file, struct err_info *info);
void archive_release(struct archive *archive); /* works on a zeroed struct */

/* bytes_forget on every file that the archive maps: for those who walk once through files that are larger than memory should be. */
void archive_forget(const struct archive *archive);

/* The tensor called `name`, with its data; without a name (NULL) the only one. ERR_USAGE lists the names that there are. */
enum err archive_get(struct archive *archive, const char *name, const struct tensor **tensor, struct err_info *info);

/* The tensor called `name`, loaded or not; NULL where there is none. */
struct tensor *archive_named(const struct archive *archive, const char *name);

/* A stream was named often enough to read the array at `index`, as another numpy.load on the open file reads the next one. ERR_USAGE where there are not so many. */
enum err archive_take(struct archive *archive, size_t index, struct err_info *info);

/* Make the data of a tensor of the archive's list valid; nothing where it is already. */
enum err archive_load(struct archive *archive, struct tensor *tensor, struct err_info *info);

/* "FILE:NAME" -> the file and the name (NULL without one). A spec that exists as a file wins over the colon. *file and *name
 * are the caller's. */
enum err archive_split_spec(const char *spec, char **file, char **name, struct err_info *info);

#endif
