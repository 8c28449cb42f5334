/* SPDX-License-Identifier: MIT */
#include "kernel/peers.h"

#include <time.h>

/* MPI counts in int. */
static const size_t PIECE = (size_t)1 << 30;

void peers_pause(void)
{
	const struct timespec moment = { .tv_nsec = 20000 };
	nanosleep(&moment, NULL);
}

void peers_wait(struct peers *peers, struct peers_request *request)
{
	while (request && !peers->ops->done(peers, request))
		peers_pause();
}

enum err peers_send_all(struct peers *peers, int to, enum peers_tag tag, const void *bytes, size_t size, struct err_info *info)
{
	for (size_t sent = 0, piece; sent < size; sent += piece) {
		piece = size - sent < PIECE ? size - sent : PIECE;
		struct peers_request *request = peers->ops->send(peers, to, tag, (const char *)bytes + sent, piece);
		if (!request)
			return err_nomem(info, "a message");
		peers_wait(peers, request);
	}
	return ERR_OK;
}

enum err peers_receive_all(struct peers *peers, int from, enum peers_tag tag, void *bytes, size_t size, struct err_info *info)
{
	for (size_t received = 0, piece; received < size; received += piece) {
		piece = size - received < PIECE ? size - received : PIECE;
		struct peers_request *request = peers->ops->receive(peers, from, tag, (char *)bytes + received, piece);
		if (!request)
			return err_nomem(info, "a message");
		peers_wait(peers, request);
	}
	return ERR_OK;
}

enum err peers_agree(struct peers *peers, uint64_t number, const char *what, struct err_info *info)
{
	uint64_t same = 1, theirs;
	enum err err = ERR_OK;
	for (int rank = 1; rank < peers->size && peers->rank == 0 && !err; rank++) {
		err = peers_receive_all(peers, rank, PEERS_CHECK, &theirs, sizeof theirs, info);
		same &= theirs == number;
	}
	if (peers->rank > 0) {
		err = peers_send_all(peers, 0, PEERS_CHECK, &number, sizeof number, info);
		if (!err)
			err = peers_receive_all(peers, 0, PEERS_CHECK, &same, sizeof same, info);
	}
	for (int rank = 1; rank < peers->size && peers->rank == 0 && !err; rank++)
		err = peers_send_all(peers, rank, PEERS_CHECK, &same, sizeof same, info);
	if (!err && !same)
		err = err_set(info, ERR_USAGE, "%s differ between the ranks: give all of them the same", what);
	return err;
}
