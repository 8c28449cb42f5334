/* SPDX-License-Identifier: MIT */
/*
 * For scripts: `recipes FOLDER` writes the same queries and keys in the orders in which frameworks export them, and the weights
 * that must come out: a batch of two, six query heads on two key heads, nine tokens, causal. The arithmetic is the definition, in
 * double.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { B = 2, H = 6, HK = 2, N = 9, D = 8, GROUP = H / HK };

static float query[B][H][N][D], key[B][HK][N][D], weights[B][H][N][N], logits[B][H][N][N];
static const char *folder;

static FILE *create_as(const char *name, const char *descr, const char *shape)
{
	char path[4096], header[256];
	snprintf(path, sizeof path, "%s/%s.npy", folder, name);
	FILE *out = fopen(path, "wb");
	if (!out) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
	fwrite("\223NUMPY\1\0\166\0", 1, 10, out);
	fprintf(out, "%-117s\n", header);
	return out;
}

static FILE *create(const char *name, const char *shape)
{
	return create_as(name, "<f4", shape);
}

static void put(FILE *out, float value)
{
	fwrite(&value, sizeof value, 1, out);
}

static void put_head(FILE *out, const float *head)
{
	fwrite(head, sizeof *head, D, out);
}

/* softmax of the causal scores. */
static void compute(void)
{
	for (int b = 0; b < B; b++)
		for (int h = 0; h < H; h++)
			for (int i = 0; i < N; i++) {
				double score[N], sum = 0;
				for (int j = 0; j < N; j++) {
					score[j] = 0;
					for (int d = 0; d < D; d++)
						score[j] += (double)query[b][h][i][d] * (double)key[b][h / GROUP][j][d] / sqrt(D);
					logits[b][h][i][j] = (float)(j > i ? -1e4 : score[j]);
					sum += j > i ? 0 : exp(score[j]);
				}
				for (int j = 0; j < N; j++)
					weights[b][h][i][j] = (float)(j > i ? 0 : exp(score[j]) / sum);
			}
}

static void fill(float *x, int count, double seed)
{
	for (int i = 0; i < count; i++)
		x[i] = (float)(1.5 * sin(0.37 * (i + 1) + 1.1 * seed));
}

static void write_plain(void)
{
	FILE *out = create("weights", "2, 6, 9, 9");
	fwrite(weights, sizeof weights, 1, out);
	fclose(out);
	out = create("logits", "2, 6, 9, 9");
	fwrite(logits, sizeof logits, 1, out);
	fclose(out);
	out = create("bhnd_q", "2, 6, 9, 8");
	fwrite(query, sizeof query, 1, out);
	fclose(out);
	out = create("bhnd_k", "2, 2, 9, 8");
	fwrite(key, sizeof key, 1, out);
	fclose(out);
}

/* (B,N,H,D) under one name and (B,N,H*D) under another hold the same bytes. */
static void write_token_major(void)
{
	FILE *out[] = { create("bnhd_q", "2, 9, 6, 8"), create("proj_q", "2, 9, 48"), create("bnhd_k", "2, 9, 2, 8"),
			create("proj_k", "2, 9, 16") };
	for (int b = 0; b < B; b++)
		for (int n = 0; n < N; n++)
			for (int i = 0; i < 4; i++)
				for (int h = 0; h < (i < 2 ? H : HK); h++)
					put_head(out[i], i < 2 ? query[b][h][n] : key[b][h][n]);
	for (int i = 0; i < 4; i++)
		fclose(out[i]);
}

/* Queries, keys and values in one tensor; the values are the keys. */
static void write_fused(void)
{
	FILE *three = create("bn3hd_qkv", "2, 9, 3, 6, 8"), *blocks = create("blocks_qkv", "2, 9, 80"),
	     *per_head = create("perhead_qkv", "2, 9, 144"), *grouped = create("grouped_qkv", "2, 9, 80");
	for (int b = 0; b < B; b++)
		for (int n = 0; n < N; n++) {
			for (int part = 0; part < 3; part++) {
				for (int h = 0; h < H; h++)
					put_head(three, part ? key[b][h / GROUP][n] : query[b][h][n]);
				for (int h = 0; h < (part ? HK : H); h++)
					put_head(blocks, part ? key[b][h][n] : query[b][h][n]);
			}
			for (int h = 0; h < H; h++)
				for (int part = 0; part < 3; part++)
					put_head(per_head, part ? key[b][h / GROUP][n] : query[b][h][n]);
			for (int g = 0; g < HK; g++)
				for (int slot = 0; slot < GROUP + 2; slot++)
					put_head(grouped, slot < GROUP ? query[b][g * GROUP + slot][n] : key[b][g][n]);
		}
	fclose(three), fclose(blocks), fclose(per_head), fclose(grouped);
}

/* The first item alone, as vLLM (tokens, H*D) has it; the last queries of a cache; and the mean over heads that
 * nn.MultiheadAttention returns. */
static void write_parts(void)
{
	FILE *first = create("first_weights", "6, 9, 9"), *flat_q = create("flat_q", "9, 48"), *flat_k = create("flat_k", "9, 16"),
	     *last_q = create("last_q", "2, 6, 3, 8"), *last = create("last_weights", "2, 6, 3, 9"), *mean = create("mean", "2, 9, 9"),
	     *mean_weights = create("mean_weights", "2, 1, 9, 9");
	fwrite(weights[0], sizeof weights[0], 1, first);
	for (int n = 0; n < N; n++) {
		for (int h = 0; h < H; h++)
			put_head(flat_q, query[0][h][n]);
		for (int h = 0; h < HK; h++)
			put_head(flat_k, key[0][h][n]);
	}
	for (int b = 0; b < B; b++)
		for (int h = 0; h < H; h++) {
			fwrite(query[b][h][N - 3], sizeof query[b][h][0], 3, last_q);
			fwrite(weights[b][h][N - 3], sizeof weights[b][h][0], 3, last);
		}
	for (int b = 0; b < B; b++)
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				double sum = 0;
				for (int h = 0; h < H; h++)
					sum += (double)weights[b][h][i][j];
				put(mean, (float)(sum / H));
				put(mean_weights, (float)(sum / H));
			}
	fclose(first), fclose(flat_q), fclose(flat_k), fclose(last_q), fclose(last), fclose(mean), fclose(mean_weights);
}

/* flash-attn varlen: the nine tokens of the first item and the first five of the second, one after another. */
static void write_varlen(void)
{
	static const int32_t ends[] = { 0, N, N + 5 }, backwards[] = { 0, N + 5, N }, beyond[] = { 0, N, N + 6 };
	FILE *q = create("varlen_q", "14, 6, 8"), *k = create("varlen_k", "14, 2, 8"),
	     *second = create("second_weights", "6, 5, 5"), *index = create_as("cu_seqlens", "<i4", "3,"),
	     *bad = create_as("backwards", "<i4", "3,"), *far = create_as("beyond", "<i4", "3,");
	for (int t = 0; t < N + 5; t++) {
		for (int h = 0; h < H; h++)
			put_head(q, query[t / N][h][t % N]);
		for (int h = 0; h < HK; h++)
			put_head(k, key[t / N][h][t % N]);
	}
	for (int h = 0; h < H; h++)
		for (int i = 0; i < 5; i++)
			fwrite(weights[1][h][i], sizeof(float), 5, second);
	fwrite(ends, sizeof ends, 1, index);
	fwrite(backwards, sizeof backwards, 1, bad);
	fwrite(beyond, sizeof beyond, 1, far);
	fclose(q), fclose(k), fclose(second), fclose(index), fclose(bad), fclose(far);
}

/* Two layers: stacked, (L,B,H,N,M) as for sink studies, and as files whose names tell them; sequence-first (N,B,H*D) and folded
 * (B*H,N,D) of torch; (D,N) of a transposed cache. */
static void write_stacks(void)
{
	FILE *five = create("stacked", "2, 2, 6, 9, 9"), *first_layer = create("attentions.0", "2, 6, 9, 9"),
	     *second_layer = create("attentions.1", "2, 6, 9, 9"), *nbe_q = create("nbe_q", "9, 2, 48"),
	     *nbe_k = create("nbe_k", "9, 2, 16"), *folded_q = create("folded_q", "12, 9, 8"),
	     *folded_k = create("folded_k", "4, 9, 8"), *transposed = create("transposed_k", "2, 2, 8, 9");
	FILE *layers[] = { five, five, first_layer, second_layer };
	for (int i = 0; i < 4; i++)
		fwrite(i % 2 ? logits : weights, sizeof weights, 1, layers[i]);
	for (int n = 0; n < N; n++)
		for (int b = 0; b < B; b++) {
			for (int h = 0; h < H; h++)
				put_head(nbe_q, query[b][h][n]);
			for (int h = 0; h < HK; h++)
				put_head(nbe_k, key[b][h][n]);
		}
	fwrite(query, sizeof query, 1, folded_q);
	fwrite(key, sizeof key, 1, folded_k);
	for (int b = 0; b < B; b++)
		for (int h = 0; h < HK; h++)
			for (int d = 0; d < D; d++)
				for (int n = 0; n < N; n++)
					put(transposed, key[b][h][n][d]);
	fclose(five), fclose(first_layer), fclose(second_layer), fclose(nbe_q), fclose(nbe_k), fclose(folded_q), fclose(folded_k),
		fclose(transposed);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("recipes: expected FOLDER\n", stderr);
		return EXIT_FAILURE;
	}
	folder = argv[1];
	fill(&query[0][0][0][0], B * H * N * D, 1);
	fill(&key[0][0][0][0], B * HK * N * D, 2);
	compute();
	write_plain();
	write_token_major();
	write_fused();
	write_parts();
	write_varlen();
	write_stacks();
	return EXIT_SUCCESS;
}
