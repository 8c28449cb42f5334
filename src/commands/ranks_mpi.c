/* SPDX-License-Identifier: MIT */
/* The only file that knows MPI. */
#include "commands/ranks.h"

#ifdef ATTNVIZ_MPI

#include <mpi.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"

/* Seconds that a rank which has failed leaves the word to rank 0, which may be busy with a computation. */
static const double PATIENCE = 3;

enum { TAG_FAILURE = 100, LINE = 1024 };

struct peers_request {
	MPI_Request request;
};

/* What a rank says when it fails. */
struct failure {
	int status;
	char line[LINE];
};

/* MPI is a property of the process. */
static struct {
	struct peers peers;
	bool joined;
	struct failure failure; /* of this rank; the first line that it would have said */
	pthread_mutex_t lock;
} job = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* May be asked before MPI is started. What follows the first comma or line is about the package. */
const char *ranks_library(void)
{
	static char text[MPI_MAX_LIBRARY_VERSION_STRING];
	int length;
	MPI_Get_library_version(text, &length);
	text[strcspn(text, ",\n")] = '\0';
	return text;
}

static void keep_line(const char *line)
{
	if (!job.failure.line[0])
		snprintf(job.failure.line, LINE, "%s", line);
}

static void end_job(int status)
{
	output_guard_sweep();
	MPI_Abort(MPI_COMM_WORLD, status);
}

/* Rank 0, with the lock held: has another rank failed? */
static void look_for_failure(void)
{
	int there;
	MPI_Status from;
	MPI_Iprobe(MPI_ANY_SOURCE, TAG_FAILURE, MPI_COMM_WORLD, &there, &from);
	if (!there)
		return;
	struct failure failure;
	MPI_Recv(&failure, (int)sizeof failure, MPI_BYTE, from.MPI_SOURCE, TAG_FAILURE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	failure.line[LINE - 1] = '\0';
	message_error("rank %d: %s", from.MPI_SOURCE, failure.line);
	end_job(failure.status);
}

static struct peers_request *request_new(void)
{
	return malloc(sizeof(struct peers_request));
}

static struct peers_request *send_bytes(struct peers *peers, int to, enum peers_tag tag, const void *bytes, size_t size)
{
	struct peers_request *request = request_new();
	(void)peers;
	if (!request)
		return NULL;
	pthread_mutex_lock(&job.lock);
	MPI_Isend(bytes, (int)size, MPI_BYTE, to, (int)tag, MPI_COMM_WORLD, &request->request);
	pthread_mutex_unlock(&job.lock);
	return request;
}

static struct peers_request *receive_bytes(struct peers *peers, int from, enum peers_tag tag, void *bytes, size_t size)
{
	struct peers_request *request = request_new();
	(void)peers;
	if (!request)
		return NULL;
	pthread_mutex_lock(&job.lock);
	MPI_Irecv(bytes, (int)size, MPI_BYTE, from, (int)tag, MPI_COMM_WORLD, &request->request);
	pthread_mutex_unlock(&job.lock);
	return request;
}

static bool request_done(struct peers *peers, struct peers_request *request)
{
	int done;
	pthread_mutex_lock(&job.lock);
	MPI_Test(&request->request, &done, MPI_STATUS_IGNORE);
	if (!done && peers->rank == 0)
		look_for_failure();
	pthread_mutex_unlock(&job.lock);
	if (done)
		free(request);
	return done;
}

static const struct peers_ops mpi_ops = { send_bytes, receive_bytes, request_done };

static bool join(void)
{
	int support;
	MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &support);
	job.peers.ops = &mpi_ops;
	MPI_Comm_rank(MPI_COMM_WORLD, &job.peers.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &job.peers.size);
	job.joined = true;
	if (job.peers.rank > 0) {
		output_mute();
		message_divert(keep_line);
	}
	if (support < MPI_THREAD_SERIALIZED)
		message_error("this MPI library does not allow calls from threads: use a build of it that does");
	else if (job.peers.size < ranks_launched())
		message_error("%d processes were started together, but MPI joins only %d: start them with its own mpirun, or srun --mpi=pmix", ranks_launched(),
			      job.peers.size);
	else
		return true;
	return false;
}

bool ranks_enter(bool together)
{
	if (ranks_launched() < 2)
		return true;
	return together ? join() : ranks_launched_rank() == 0;
}

/* Wait without keeping a processor busy; no other thread is left that might call MPI. */
static void wait_for(MPI_Request *request, double seconds)
{
	int done;
	double end = MPI_Wtime() + seconds;
	do {
		peers_pause();
		MPI_Test(request, &done, MPI_STATUS_IGNORE);
		if (!done && job.peers.rank == 0)
			look_for_failure();
	} while (!done && MPI_Wtime() < end);
}

/* Rank 0 tells, and ends the job while this rank waits; should it be too busy, this rank speaks for itself. */
static void fail(enum exit_status status)
{
	if (job.peers.rank > 0) {
		MPI_Request told;
		job.failure.status = (int)status;
		MPI_Isend(&job.failure, (int)sizeof job.failure, MPI_BYTE, 0, TAG_FAILURE, MPI_COMM_WORLD, &told);
		MPI_Request never;
		wait_for(&told, PATIENCE);
		MPI_Irecv(&job.failure.status, 1, MPI_INT, 0, TAG_FAILURE, MPI_COMM_WORLD, &never);
		wait_for(&never, PATIENCE);
		message_divert(NULL);
		message_error("rank %d: %s", job.peers.rank, job.failure.line);
	}
	end_job((int)status);
}

int ranks_leave(enum exit_status status)
{
	if (!job.joined)
		return (int)status;
	if (status != EXIT_FINE)
		fail(status);
	MPI_Request all_done;
	MPI_Ibarrier(MPI_COMM_WORLD, &all_done);
	wait_for(&all_done, 1e9);
	MPI_Finalize();
	return (int)status;
}

bool ranks_lead(void)
{
	return !job.joined || job.peers.rank == 0;
}

struct peers *ranks_peers(void)
{
	if (!job.joined || job.peers.size < 2)
		return NULL;
	ranks_configure(&job.peers);
	return &job.peers;
}

#endif
